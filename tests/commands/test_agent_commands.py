"""Agents from the command line."""

from typing import Any


def test_an_agent_is_added_listed_and_given_a_token(desk: Any) -> None:
    org = desk.org()
    made = desk.json("agent", "add", "--org", org, "asha", "--display-name", "Asha")
    assert made == {"name": "asha", "party": "agent:asha", "display_name": "Asha", "state": "available"}
    [row] = desk.json("agent", "list", "--org", org)["data"]
    assert (row["name"], row["display_name"], row["state"]) == ("asha", "Asha", "available")
    token = desk.json("agent", "token", "--org", org, "asha", "--life-s", "120")
    assert set(token) == {"token", "token_id", "agent", "expires_at"}
    assert token["token"].startswith("at_")
    assert len(token["token"]) == 67
    actions = [entry["action"] for entry in desk.json("audit", "--org", org)["data"]]
    assert actions[:2] == ["agent.token", "agent.create"]


def test_what_cannot_be_is_told_in_a_line(desk: Any) -> None:
    org = desk.org()
    assert "lower-case" in desk.refused("agent", "add", "--org", org, "Asha")
    assert "no organisation" in desk.refused("agent", "add", "--org", "nowhere", "asha")
    assert "no organisation" in desk.refused("agent", "list", "--org", "nowhere")
    desk.json("agent", "add", "--org", org, "asha")
    assert "already" in desk.refused("agent", "add", "--org", org, "asha")
    assert "no agent" in desk.refused("agent", "token", "--org", org, "ravi")
    assert "60 to 43200" in desk.refused("agent", "token", "--org", org, "asha", "--life-s", "59")
