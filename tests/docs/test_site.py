"""The built documentation: nothing left out, nothing dead, nothing from elsewhere, and served under a strict policy."""

import base64
import html
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
import yaml

from b2bua.call.model import HangupCause
from b2bua.commands.deploy_files import shipped_text
from b2bua.commands.line import build_parser
from b2bua.config.sections import LISTS, SECTIONS, kinds_of
from b2bua.switch.supervisors import Mode
from control_api.docs_site import MANIFEST, SITE_FOLDER, DocsSite, load_site
from control_api.errors import ERRORS
from control_api.metric_texts import LABELLED, METRIC_TEXTS
from control_api.openapi import build_openapi
from control_api.streams.messages import mark_message, media_message, silence_of, start_message, stop_message
from docs.causes import CAUSES
from docs.commands import every_command
from docs.policy import at_docs_itself, inline_scripts, inline_styles
from storage.records import CallStatus, WebhookEvent
from tests.support.api_world import ApiWorld, api_world

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def site() -> Path:
    """The site as the sources have it."""
    subprocess.run([sys.executable, "-m", "docs"], cwd=ROOT, check=True, timeout=50)
    return SITE_FOLDER


@pytest.fixture
async def world(site: Path) -> AsyncIterator[ApiWorld]:
    async with api_world() as started:
        yield started


@dataclass
class Page(HTMLParser):
    """What a page refers to, and what of it can be referred to."""

    links: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            if name in ("id", "name") and value:
                self.ids.add(value)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text("utf-8"))
    return page


def pages(site: Path) -> Iterator[tuple[str, Path]]:
    """The address of each page and its file."""
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        yield "/docs" if name == "home.html" else "/docs/" + name.removesuffix("index.html"), path


def text_of(site: Path, name: str) -> str:
    return "".join(read(site / name / "index.html").words)


def test_every_link_leads_somewhere(site: Path) -> None:
    known = {address: read(path) for address, path in pages(site)}
    files = {"/docs/" + path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    dead = []
    for address, page in known.items():
        for link in page.links:
            target, anchor = urldefrag(urljoin(address, link))
            if urlsplit(target).scheme or target == "/docs/api/":
                continue
            anchors = known[target].ids if target in known else set()
            if (target not in known and target not in files) or (anchor and target in known and anchor not in anchors):
                dead.append((address, link))
    assert dead == []
    assert len(known) > 15


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    fetched = re.compile(r"""<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//""")
    for address, path in pages(site):
        text = path.read_text("utf-8")
        assert not fetched.search(text), address
        assert "style=" not in re.sub(r"<(?:pre|code)\b.*?</(?:pre|code)>", "", text, flags=re.DOTALL), address
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", sheet.read_text("utf-8")), sheet.name


def test_every_endpoint_is_there_with_its_example(site: Path) -> None:
    document = build_openapi("http://127.0.0.1:8080", "x")
    text = text_of(site, "reference/endpoints")
    ids = read(site / "reference/endpoints/index.html").ids
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert f"{method.upper()} {path}" in text
            assert operation["operationId"] in ids
            for response in operation["responses"].values():
                for content in response.get("content", {}).values():
                    if "example" in content:
                        assert json.dumps(content["example"], indent=2) in text, path
    schemas = document["components"]["schemas"]
    shown = {f"{name}.{field}" for name in shown_schemas(document) for field in schemas[name]["properties"]}
    assert [each for each in sorted(shown) if each.partition(".")[2] not in text] == []


def test_every_webhook_event_is_there_with_its_body(site: Path) -> None:
    text = text_of(site, "reference/events")
    for described in build_openapi("http://127.0.0.1:8080", "x")["webhooks"].values():
        content = described["post"]["requestBody"]["content"]["application/json"]
        assert json.dumps(content["example"], indent=2) in text


def shown_schemas(document: dict[str, Any]) -> set[str]:
    """What stands as `data`, or as a row of it, in some reply."""
    schemas = document["components"]["schemas"]
    replies = [schema["properties"].get("data", {}) for name, schema in schemas.items() if name.endswith("Reply")]
    found = {data.get("items", data).get("$ref", "").rpartition("/")[2] for data in replies}
    return {name for name in found if "properties" in schemas.get(name, {})}


def test_every_key_of_the_configuration_is_there(site: Path) -> None:
    text = text_of(site, "reference/configuration")
    for name, section in {**SECTIONS, **LISTS}.items():
        for key, kind in kinds_of(section).items():
            assert key in text, f"{name}.{key}"
            assert f"{key} =" in text, f"{name}.{key} has no default in what init writes"
            assert " ".join(kind.expected.split()) in " ".join(text.split()), f"{name}.{key}"


def test_every_command_is_there(site: Path) -> None:
    text = " ".join(text_of(site, "reference/commands").split())
    commands = list(every_command(build_parser()))
    assert len(commands) > 40
    for parser in commands:
        assert parser.prog in text
        assert " ".join(parser.format_usage().removeprefix("usage: ").split()) in text


def test_every_error_and_every_cause_is_there(site: Path) -> None:
    assert set(CAUSES) == {cause.value for cause in HangupCause}
    rows = {tuple(re.split(r"\s*\n\s*", row.strip())[:2]) for row in cells(site, "errors")}
    assert {(str(status), code) for status, code in ERRORS.values()} <= rows
    text = text_of(site, "errors")
    assert [cause for cause in CAUSES if cause not in text] == []


def cells(site: Path, name: str) -> Iterator[str]:
    """The rows of a page's tables, a cell a line."""
    source = (site / name / "index.html").read_text("utf-8")
    for row in re.findall(r"<tr>(.*?)</tr>", source, re.DOTALL):
        yield html.unescape(re.sub(r"<[^>]+>", "", row))


def test_every_alert_and_every_figure_is_there(site: Path) -> None:
    source, page = text_of(site, "alerts"), read(site / "alerts" / "index.html")
    (group,) = yaml.safe_load(shipped_text("prometheus-alerts.yml"))["groups"]
    assert [rule["alert"] for rule in group["rules"] if rule["alert"].lower() not in page.ids] == []
    assert [name for name in (*LABELLED, *METRIC_TEXTS) if f"maskbridge_{name}" not in source] == []


def test_every_example_is_shown_whole(site: Path) -> None:
    shown = "".join(text_of(site, name) for name in ("quick-start", "webhooks", "streams", "python-client"))
    examples = [path for path in (ROOT / "docs" / "examples").iterdir() if path.is_file()]
    assert len(examples) > 10
    # Markdown has spaces for tabs.
    assert [path.name for path in examples if path.read_text("utf-8").strip().expandtabs(4) not in shown] == []


def test_every_event_and_every_status_is_there(site: Path) -> None:
    webhooks, concepts = text_of(site, "webhooks"), text_of(site, "concepts")
    assert [event for event in WebhookEvent if event.value not in webhooks] == []
    assert [status for status in CallStatus if status.value not in concepts] == []


def test_every_message_of_a_stream_and_every_mode_of_a_supervisor_is_there(site: Path) -> None:
    text = text_of(site, "streams")
    messages = [
        start_message(1, "s", "c", None, 8000, "both", 1),
        media_message(2, "a", 0, ""),
        mark_message(3, "bridged", None, 0),
        stop_message(4, "ended", 1, 0, 20),
    ]
    for message in map(json.loads, messages):
        assert [word for word in (message["event"], *message[message["event"]]) if word not in text] == []
    assert f"{len(base64.b64decode(silence_of(8000)))} bytes a frame at 8000" in text
    modes = text_of(site, "supervisors")
    assert [mode for mode in Mode if mode.value not in modes] == []


async def test_it_is_served_as_its_policy_has_it(world: ApiWorld, site: Path) -> None:
    for address, path in pages(site):
        reply = await world.get(address, key=None)
        text = path.read_text("utf-8")
        assert (reply.status, reply.body.decode()) == (200, text), address
        policy = reply.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        for each in (*inline_scripts(text), *inline_styles(text)):
            assert f"'{each}'" in policy, address
        assert not re.search(r"<[a-z][^>]*\son[a-z]+=", re.sub(r"<pre.*?</pre>", "", text, flags=re.DOTALL)), address
    search = await world.get("/docs/search/search_index.json", key=None)
    assert (search.status, search.headers["Content-Type"]) == (200, "application/json")
    assert len(search.json["docs"]) > 100


async def test_addresses_that_are_no_page(world: ApiWorld) -> None:
    assert (await world.get("/docs/webhooks", key=None, allow_redirects=False)).headers["Location"] == "/docs/webhooks/"
    for address in ("/docs/nothing/", f"/docs/{MANIFEST}", "/docs/%2e%2e/app.py", "/docs/..%2fapp.py"):
        assert (await world.get(address, key=None)).status == 404, address
    page = await world.get("/docs/api/", key=None)
    assert page.status == 200
    assert 'href="/docs/"' in page.body.decode()
    assert "script-src" not in page.headers["Content-Security-Policy"]


def test_a_site_that_was_not_built_is_empty(tmp_path: Path) -> None:
    assert load_site(tmp_path) == DocsSite()


def test_the_first_page_has_an_address_of_its_own() -> None:
    home = (
        '<a href="webhooks/">w</a><a href="#x">x</a><a href="/docs/api/">a</a><a href="https://e.example/">e</a>'
        '<link href="./assets/a.css"><a href=".">h</a><script>__md_scope=new URL(".",location)</script>'
        '<script type="application/json">{"base": ".", "search": "assets/search.js"}</script>'
    )
    assert at_docs_itself(home) == (
        '<a href="docs/webhooks/">w</a><a href="#x">x</a><a href="/docs/api/">a</a><a href="https://e.example/">e</a>'
        '<link href="docs/assets/a.css"><a href="docs/.">h</a><script>__md_scope=new URL("docs/",location)</script>'
        '<script type="application/json">{"base": "docs/", "search": "docs/assets/search.js"}</script>'
    )
