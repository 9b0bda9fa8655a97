"""The pages that are made of the code: what it takes and says, where it is written."""

import json
from typing import Any, Final

import yaml

from b2bua import __version__
from b2bua.commands.deploy_files import shipped_text
from b2bua.config.default_text import default_config_text
from b2bua.config.sections import LISTS, SECTIONS, kinds_of
from control_api.errors import ERRORS
from control_api.examples import reply_examples
from control_api.metric_texts import LABELLED, METRIC_TEXTS
from control_api.openapi import build_openapi
from docs.commands import commands_page
from docs.endpoints import endpoints_page, events_page
from docs.excerpts import Excerpt, excerpts_of
from storage.records import WebhookEvent

URL: Final = "http://127.0.0.1:8080"


def generated_pages() -> dict[str, str]:
    """Markdown by the page's path."""
    document = build_openapi(URL, __version__)
    return {
        "reference/endpoints.md": endpoints_page(document),
        "reference/events.md": events_page(document),
        "reference/configuration.md": configuration_page(),
        "reference/commands.md": commands_page(),
        "errors.md": errors_page(document),
        "alerts.md": alerts_page(),
        "changelog.md": '--8<-- "CHANGELOG.md"\n',
    }


def event_names() -> tuple[str, ...]:
    """The webhook events."""
    return tuple(event.value for event in WebhookEvent)


def example_reply(name: str) -> str:
    """An example of the OpenAPI document, as text."""
    return json.dumps(reply_examples(URL)[name], indent=2)


def configuration_page() -> str:
    """Every key of the configuration: what it takes, its default, and what the written file says of it."""
    parts = [
        "# Configuration\n",
        "`maskbridge init` writes this file with every key and its default; `maskbridge check` tells all mistakes in "
        "one go. A line may be left out. Any key can be overridden by an environment variable "
        "`MASKBRIDGE_<SECTION>_<KEY>`. A secret may be `file:path`. An unknown key is an error that names the nearest "
        "known one.\n",
    ]
    excerpts = excerpts_of(default_config_text())
    for name, section in {**SECTIONS, **LISTS}.items():
        parts += _section(name, section, excerpts[name])
    return "\n".join(parts)


def _section(name: str, section: type[Any], excerpt: Excerpt) -> list[str]:
    title = f"[[{name}]]" if name in LISTS else f"[{name}]"
    rows = [f"| `{key}` | {_cell(kind.expected)} |" for key, kind in kinds_of(section).items()]
    return [
        f"## `{title}`\n",
        f"```toml\n{excerpt.text}\n```\n",
        "| key | takes |\n|---|---|\n" + "\n".join(rows) + "\n",
    ]


def errors_page(document: dict[str, Any]) -> str:
    """Every code of an error, with its statuses and what can be read beside it; every cause of a call's end."""
    from docs.causes import CAUSES

    messages = _messages(document)
    rows = [
        f"| {status} | `{code}` | {_cell(messages.get((status, code), ('', ''))[0])} "
        f"| {_cell(messages.get((status, code), ('', ''))[1])} |"
        for status, code in sorted({*ERRORS.values(), (500, "internal_error")})
    ]
    causes = [f"| `{cause}` | {_cell(text)} |" for cause, text in CAUSES.items()]
    return "\n".join(
        (
            "# Errors\n",
            "An error is `error` with a `code` to act on, a `message` to read, and the `field` at fault where there is "
            "one. Act on the status and the code; messages may change. Every reply has `X-Request-Id`.\n",
            "Try again after 429 and 503, when `Retry-After` says, and after 500 with the same `Idempotency-Key`. "
            "Nothing else gets better by being repeated.\n",
            "## Codes\n",
            "| status | code | what it means | for example |\n|---|---|---|---|",
            *rows,
            "\n## Why a call ended\n",
            "`hangup_cause` of a call that is over:\n",
            "| cause | what happened |\n|---|---|",
            *causes,
            "",
        )
    )


def _messages(document: dict[str, Any]) -> dict[tuple[int, str], tuple[str, str]]:
    """What each status means and an example of its message, as the OpenAPI document has them."""
    found = {(405, "method_not_allowed"): ("The path exists, the method does not", "The method is not allowed.")}
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                for code, example in (
                    response.get("content", {}).get("application/json", {}).get("examples", {}).items()
                ):
                    message = example["value"]["error"]["message"]
                    found.setdefault((int(status), code), (response["description"], message))
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def alerts_page() -> str:
    """Each alert rule: when it comes, what it means, what to do; and every figure of /metrics."""
    (group,) = yaml.safe_load(shipped_text("prometheus-alerts.yml"))["groups"]
    parts = [
        "# Alerts and metrics\n",
        "`maskbridge deploy show prometheus-alerts.yml` prints these rules for Prometheus, `maskbridge deploy show "
        "grafana-dashboard.json` a dashboard of the same figures. Each alert has its `description` and its `action` "
        "with it. *Critical* is worth waking somebody for, a *warning* can wait for the morning. They expect "
        "this job:\n",
        "```yaml\nscrape_configs:\n  - job_name: maskbridge\n    static_configs:\n"
        '      - targets: ["127.0.0.1:8080"]   # api.listen; with TLS of its own add: scheme: https\n```\n',
    ]
    for rule in group["rules"]:
        said = rule["annotations"]
        wait = f", for {rule['for']}" if "for" in rule else ""
        parts += [
            f"## {rule['alert']}\n",
            f"*{rule['labels']['severity'].capitalize()}.* {said['description']}\n",
            f"**What to do.** {said['action']}\n",
            f"```text\n{rule['expr']}{wait}\n```\n",
        ]
    rows = [f"| `maskbridge_{name}` | {_cell(text)} |" for name, text in sorted({**LABELLED, **METRIC_TEXTS}.items())]
    parts += [
        "## Metrics\n",
        "`GET /metrics` tells these in Prometheus' text format, without a key: keep it behind the firewall. What ends "
        "in `_total` only grows, from 0 at each start. Figures of agents, mail, streams and supervisors are there "
        "where they are turned on; SIP has further counters, `maskbridge_sip_..._total`, from their first time on.\n",
        "| metric | what it is |\n|---|---|",
        *rows,
        "| `process_...` | CPU, memory, start and open files of the process |\n",
    ]
    return "\n".join(parts)
