"""The command line: what an operator can type, and one clear line when it fails."""

import argparse
import asyncio
import importlib
import io
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO, TypeAlias

from b2bua import __version__
from b2bua.commands.argument_texts import ARGUMENT_TEXTS, clearer
from b2bua.commands.output import DEFAULT_CONFIG, CommandFailed, Output
from b2bua.config import Config, ConfigInvalid, load_config
from storage.errors import StorageError

CONFIG_HELP: Final = f"configuration (default ./{DEFAULT_CONFIG}, then MASKBRIDGE_CONFIG)"

Commands: TypeAlias = "argparse._SubParsersAction[OneLineParser]"


@dataclass(frozen=True, slots=True)
class Later:
    """What carries a command out, loaded once it is to run: a server's rooms take half a second to load, and most
    commands need few of them."""

    module: str
    name: str

    def load(self) -> Callable[..., Awaitable[int] | int]:
        """The function."""
        found: Callable[..., Awaitable[int] | int] = getattr(importlib.import_module(self.module), self.name)
        return found


@dataclass(frozen=True, slots=True)
class Room:
    """A module of commands, whose functions are its attributes."""

    module: str

    def __getattr__(self, name: str) -> Later:
        return Later(f"b2bua.commands.{self.module}", name)


accounts = Room("accounts")
agents = Room("agents")
audit = Room("audit")
backup = Room("backup")
checking = Room("checking")
deploy_files = Room("deploy_files")
inspection = Room("inspection")
money = Room("money")
operation = Room("operation")
people = Room("people")
profiles = Room("profiles")
prompts = Room("prompts")
recordings = Room("recordings")
top = Room("top")
tracing = Room("tracing")
upkeep = Room("upkeep")


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line, and where the rest can be read."""

    def add_argument(self, *names: str, **options: Any) -> argparse.Action:
        """As ever; what many commands take is explained in one place."""
        if names[0] in ARGUMENT_TEXTS:
            options.setdefault("help", ARGUMENT_TEXTS[names[0]])
        return super().add_argument(*names, **options)

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(2, f"{self.prog}: {_in_one_line(clearer(message))}; see {self.prog} --help\n")


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; returns the exit status."""
    options = build_parser().parse_args(arguments)
    options.config = options.config if options.config is not None else options.config_before
    _let_pass(sys.stdout)
    output = Output(as_json=options.json or options.json_before, out=sys.stdout)
    try:
        return _carry_out(options, output)
    except CommandFailed as error:
        return _fail(str(error))
    except ConfigInvalid as error:
        for mistake in error.mistakes:
            _fail(mistake)
        return 1
    except BrokenPipeError:  # whoever read our output has seen enough
        return 1
    except StorageError as error:
        return _fail(f"storage.url: {error}")
    except OSError as error:
        return _fail(reason(error))
    except UnicodeEncodeError as error:  # bytes of the command line that are no UTF-8: nothing we keep is named so
        return _not_text(error.object, arguments)
    except OverflowError as error:
        return _too_large(error, options)
    except KeyboardInterrupt:
        return 130


def _let_pass(out: TextIO) -> None:
    """What a stream has no signs for is written in escapes: no command fails for it once it has done its work."""
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")


def _not_text(given: str, arguments: Sequence[str]) -> int:
    """What becomes of octets that are no UTF-8; what was not typed is not shown, as it may be a secret."""
    typed = any(given in argument for argument in arguments)
    return _fail(f"not UTF-8: {given if typed else 'what was given'}")


def _carry_out(options: argparse.Namespace, output: Output) -> int:
    run = options.run.load()
    if options.without_config:
        status = run(options, output)
    else:
        path = config_path(options.config, os.environ)
        status = run(options, _configuration(path, options), output)
    result = asyncio.run(status) if asyncio.iscoroutine(status) else status
    return int(result)


def _configuration(path: Path, options: argparse.Namespace) -> Config:
    """The configuration; a command that plays its prompts is told of all that is wrong with them too."""
    try:
        return load_config(path, os.environ)
    except ConfigInvalid as invalid:
        if options.run in (checking.check, operation.run_server):
            # The only two that load the rooms of media anyway.
            from b2bua.prompts import with_prompt_mistakes

            raise with_prompt_mistakes(invalid) from None
        raise


def config_path(given: str | None, environ: Mapping[str, str]) -> Path:
    """The configuration: the one given, else ./maskbridge.toml, else what MASKBRIDGE_CONFIG names."""
    here = Path(DEFAULT_CONFIG)
    elsewhere = environ.get("MASKBRIDGE_CONFIG")
    return Path(given) if given is not None else Path(elsewhere) if elsewhere and not here.exists() else here


def reason(error: OSError) -> str:
    """What the system refused, and for which file, in its own words."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename is not None else said


def _fail(message: str) -> int:
    sys.stderr.write(f"maskbridge: {_in_one_line(message)}\n")
    return 1


def _too_large(error: OverflowError, options: argparse.Namespace) -> int:
    """What becomes of a number of the command line that the database has no room for."""
    if options.run == operation.run_server:  # none is typed there: a defect, whose traceback is wanted
        raise error
    return _fail("a number is larger than any that is kept")


def _in_one_line(message: str) -> str:
    """The message with what was typed and is no text in it, as line ends, written as a backslash and letters."""
    if message.isprintable():
        return message
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in message)


def build_parser() -> argparse.ArgumentParser:
    """All that can be typed."""
    parser = OneLineParser(
        prog="maskbridge", description="Number masking that you run yourself: masked calls over your own SIP trunks."
    )
    parser.add_argument("--version", action="version", version=f"maskbridge {__version__}")
    parser.add_argument("-c", dest="config_before", metavar="FILE", help="as after the command")
    parser.add_argument("--json", dest="json_before", action="store_true", help="as after the command")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _operation(commands)
    _accounts(commands)
    _money(commands)
    _people(commands)
    _agents(commands)
    _recordings(commands)
    _backups(commands)
    _prompts(commands)
    _inspection(commands)
    _profiles(commands)
    _deploy(commands)
    return parser


def _command(
    commands: Commands, name: str, run: Later, text: str, *, config: str = CONFIG_HELP
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run, without_config=config != CONFIG_HELP)
    parser.add_argument("-c", dest="config", metavar="FILE", help=config)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser


def _operation(commands: Commands) -> None:
    init = _command(
        commands,
        "init",
        operation.init,
        "write a configuration, its secrets and a database",
        config=f"the configuration to write (default {DEFAULT_CONFIG}), from DIR",
    )
    init.add_argument("--dir", default=".", help="where (default: here)")
    _command(
        commands, "serve", operation.run_server, "run; SIGTERM drains (SIGHUP too), a second one ends the live calls"
    )
    _command(commands, "check", checking.check, "validate the configuration and probe each trunk")
    demo = _command(
        commands,
        "demo",
        operation.demo,
        "make a masked call between two softphones here",
        config="taken as by every command, and not read: the demo writes its own",
    )
    demo.add_argument("--calls", type=int, default=1, metavar="N", help="how many calls (default 1)")
    demo.add_argument("--keep", metavar="DIR", help="keep the recordings and logs there")


def _accounts(commands: Commands) -> None:
    org = _group(commands, "org", "organisations")
    create = _command(org, "create", accounts.org_create, "create an organisation")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--gstin", help="checked, its check digit too")
    create.add_argument("--state", help="the name or the GST number of a state: that of the GSTIN where there is one")
    create.add_argument("--rate-limit", type=int, metavar="N", help="requests a minute for each of its keys")
    _command(org, "list", accounts.org_list, "list organisations")
    change = _command(org, "set", upkeep.org_set, "change what is kept for an organisation")
    change.add_argument("org_id", metavar="ORG_ID")
    change.add_argument(
        "--retention-days",
        metavar="N",
        help="how long its recordings are kept; 0: for ever; default: as storage.retention_days says",
    )
    change.add_argument("--gstin", help="none: it is not registered")
    change.add_argument("--state", help="as on creation; none: not known")
    change.add_argument("--address", help="as invoices are to say it; none: they say none")
    change.add_argument("--low-balance", metavar="RUPEES", help="below what it is told of its balance; none: never")

    key = _group(commands, "key", "API keys")
    create = _command(key, "create", accounts.key_create, "create an API key; it is shown once")
    _of_organisation(create)
    create.add_argument("--name")
    create.add_argument(
        "--scopes", metavar="A,B", help="default: all but account:read, account:write, streams:write and supervise"
    )
    create.add_argument("--expires", metavar="TIME", help="RFC 3339, for example 2027-01-31T00:00:00Z")
    create.add_argument("--ips", metavar="A,B", help="addresses or networks it may be used from")
    create.add_argument("--rate-limit", type=int, metavar="N", help="requests a minute")
    create.add_argument("--test", action="store_true", help="for test calls between simulated parties alone")
    _of_organisation(_command(key, "list", accounts.key_list, "list an organisation's keys"))
    _command(key, "revoke", accounts.key_revoke, "revoke a key").add_argument("key_id", metavar="KEY_ID")

    rotate = _command(key, "rotate", upkeep.key_rotate, "replace a key by a new one like it, which is shown once")
    rotate.add_argument("key_id", metavar="KEY_ID")
    rotate.add_argument(
        "--grace-hours", type=float, default=24.0, metavar="N", help="how long the old one still works (default 24)"
    )

    webhook = _group(commands, "webhook", "webhook endpoints")
    add = _command(webhook, "add", accounts.webhook_add, "add an endpoint; its secret is shown once")
    _of_organisation(add)
    add.add_argument("--url", required=True)
    add.add_argument("--events", metavar="A,B", help="default: all")
    _of_organisation(_command(webhook, "list", accounts.webhook_list, "list an organisation's endpoints"))
    rotate = _command(webhook, "rotate", upkeep.webhook_rotate, "sign with a new secret too; it is shown once")
    rotate.add_argument("webhook_id", metavar="WEBHOOK_ID")
    rotate.add_argument("--finish", action="store_true", help="sign with the newest secret alone from now")
    enable = _command(webhook, "enable", upkeep.webhook_enable, "send to an endpoint again that answered 410")
    enable.add_argument("webhook_id", metavar="WEBHOOK_ID")
    deliveries = _command(webhook, "deliveries", upkeep.webhook_deliveries, "show the newest deliveries")
    deliveries.add_argument("--org", metavar="ORG_ID", help="only those of an organisation")
    deliveries.add_argument("webhook_id", metavar="WEBHOOK_ID", nargs="?", help="only those to this endpoint")
    deliveries.add_argument("--dead", action="store_true", help="only those that were given up")
    replay = _command(webhook, "replay", upkeep.webhook_replay, "send an event to its endpoint once more")
    replay.add_argument("delivery_id", type=int, metavar="DELIVERY_ID")


def _money(commands: Commands) -> None:
    wallet = _group(commands, "wallet", "wallets")
    credit = _command(wallet, "credit", accounts.wallet_credit, "add to a wallet; the same reference counts once")
    _of_organisation(credit)
    credit.add_argument("--rupees", required=True, metavar="N")
    credit.add_argument("--reference", required=True, metavar="REF")

    payment = _group(commands, "payment", "top-ups and their refunds")
    _of_organisation(_command(payment, "list", money.payment_list, "list an organisation's newest top-ups"))
    _of_organisation(_command(payment, "refunds", money.payment_refunds, "list an organisation's newest refunds"))
    refund = _command(payment, "refund", money.payment_refund, "pay a top-up back; the same reference counts once")
    refund.add_argument("topup_id", metavar="TOPUP_ID")
    _of_organisation(refund)
    refund.add_argument("--reference", required=True, metavar="REF")
    refund.add_argument("--rupees", metavar="N", help="with tax; default: all that is left")
    refund.add_argument("--reason", default="Asked for by the customer", metavar="TEXT")

    note = _group(commands, "credit-note", "credit notes by the operator")
    issue = _command(note, "issue", money.note_issue, "issue one; the same reference counts once")
    _of_organisation(issue)
    issue.add_argument("--kind", required=True, choices=("correction", "goodwill"))
    issue.add_argument("--rupees", required=True, metavar="N", help="with its tax, where it has any")
    issue.add_argument("--reference", required=True, metavar="REF")
    issue.add_argument("--reason", required=True, metavar="TEXT", help="as the note says it")
    issue.add_argument("--invoice", metavar="NUMBER", help="what a correction takes back of")
    issue.add_argument("--without-tax", action="store_true", help="of a correction: its tax stays as it is")
    _of_organisation(_command(note, "list", money.note_list, "list an organisation's newest"))

    ledger = _group(commands, "ledger", "money movements")
    _command(ledger, "check", money.ledger_check, "compare wallets, ledger, calls, payments and documents")


def _prompts(commands: Commands) -> None:
    prompt = _group(commands, "prompt", "organisations' prompts")
    add = _command(prompt, "add", prompts.add, "convert and keep a WAV file; one of the same name is replaced")
    _of_organisation(add)
    add.add_argument("name", metavar="NAME")
    add.add_argument("file", metavar="FILE", help="a WAV file of up to 60 s")
    _of_organisation(_command(prompt, "list", prompts.show, "list an organisation's prompts"))
    delete = _command(prompt, "delete", prompts.delete, "delete a prompt")
    _of_organisation(delete)
    delete.add_argument("name", metavar="NAME")
    choose = _command(prompt, "choose", prompts.choose, "choose what calls have that choose nothing themselves")
    _of_organisation(choose)
    named = "a prompt's name; none: nothing, or the plain tone; default: as [prompts] says"
    choose.add_argument("--wait", metavar="NAME", help=f"to A while B is called: {named}")
    choose.add_argument("--whisper-a", metavar="NAME", help="to A alone before the two are connected")
    choose.add_argument("--whisper-b", metavar="NAME", help="to B alone, likewise")
    choose.add_argument(
        "--consent", choices=("both", "a", "b", "none", "default"), help="who is told that the call is recorded"
    )
    choose.add_argument("--consent-notice", metavar="NAME", help="what they are told")
    choose.add_argument("--balance-warning", metavar="NAME", help="to both when the balance runs out")


def _agents(commands: Commands) -> None:
    agent = _group(commands, "agent", "agents, who take calls in a browser")
    add = _command(agent, "add", agents.add, "make an agent, a party of calls as agent:NAME")
    _of_organisation(add)
    add.add_argument("name", metavar="NAME")
    add.add_argument("--display-name", metavar="TEXT", help="default: the name")
    _of_organisation(_command(agent, "list", agents.list_agents, "list an organisation's agents"))
    token = _command(agent, "token", agents.token, "make a token for an agent's browser; it is shown once")
    _of_organisation(token)
    token.add_argument("name", metavar="NAME")
    token.add_argument("--life-s", type=int, default=3600, metavar="SECONDS", help="60 to 43200; default: 3600")


def _recordings(commands: Commands) -> None:
    recording = _group(commands, "recording", "finished recordings")
    export = _command(recording, "export", recordings.export, "copy a recording out in plain, sealed or not")
    export.add_argument("call_id", metavar="CALL_SID")
    export.add_argument("file", metavar="FILE", help="ending in .wav or .mp3; must not exist")
    verify = _command(recording, "verify", recordings.verify, "read recordings from end to end and name what is wrong")
    verify.add_argument("call_ids", nargs="*", metavar="CALL_SID", help="default: all")
    erase = _command(recording, "erase", recordings.erase, "delete a recording; the call stays")
    erase.add_argument("call_id", metavar="CALL_SID")
    _command(
        recording,
        "rekey",
        recordings.rekey,
        "seal all keys with secrets.master_key, so that former ones can go",
    )


def _backups(commands: Commands) -> None:
    made = _command(commands, "backup", backup.backup, "copy database and recordings, while the server runs")
    made.add_argument("folder", metavar="DIR", help="a folder that is not there, or empty")
    made.add_argument("--copy", action="store_true", help="copy recordings even where they could be linked")
    back = _command(commands, "restore", backup.restore, "verify a backup and put it back, while no server runs")
    back.add_argument("folder", metavar="DIR")
    back.add_argument("--replace", action="store_true", help="move aside the database that is there")
    back.add_argument("--without-keys", action="store_true", help="even where sealed recordings will not open")


def _people(commands: Commands) -> None:
    person = _group(commands, "person", "people who sign in")
    add = _command(person, "add", people.add, "add somebody; the password is typed, or piped in as one line")
    add.add_argument("email", metavar="EMAIL")
    add.add_argument("--name")
    add.add_argument("--org", metavar="ORG_ID")
    add.add_argument("--role", metavar="ROLE", help="owner, developer, finance or viewer of that organisation")
    add.add_argument("--operator", action="store_true", help="above every organisation")
    add.add_argument("--invite", action="store_true", help="make a link that works once instead of a password")
    shown = _command(person, "list", people.list_people, "list people")
    shown.add_argument("--org", metavar="ORG_ID", help="only those with a role there")
    passwd = _command(person, "passwd", people.set_password, "set a password and end all sessions")
    passwd.add_argument("email", metavar="EMAIL")
    passwd.add_argument("--reset-totp", action="store_true", help="take away the second factor too")
    role = _command(person, "role", people.set_role, "give somebody a role")
    role.add_argument("email", metavar="EMAIL")
    role.add_argument("--org", metavar="ORG_ID")
    role.add_argument("--role", metavar="ROLE", help="owner, developer, finance or viewer")
    role.add_argument("--operator", choices=("yes", "no"), help="above every organisation, or no more")
    remove = _command(person, "remove", people.remove, "take somebody's role, or without --org forget them altogether")
    remove.add_argument("email", metavar="EMAIL")
    remove.add_argument("--org", metavar="ORG_ID")

    log = _command(commands, "audit", audit.show, "show what was changed, by whom and when")
    log.add_argument("--org", metavar="ORG_ID", help="only what belongs to it")
    log.add_argument("--page", type=int, default=1, metavar="N")
    log.add_argument("--rows", type=int, default=50, metavar="N", help="on a page (default 50)")


def _inspection(commands: Commands) -> None:
    number = _group(commands, "number", "masked numbers")
    _command(number, "list", inspection.number_list, "list the declared numbers")
    _command(commands, "trunks", inspection.trunks, "show the trunks as the running server sees them")
    calls = _command(commands, "calls", inspection.calls, "show the newest calls")
    calls.add_argument("--live", action="store_true", help="only those that live now")
    watch = _command(commands, "top", top.top, "watch calls, rates and trunks of the running server")
    watch.add_argument("--once", action="store_true", help="one look")
    watch.add_argument("--interval", type=float, default=2.0, metavar="S", help="seconds between looks (default 2)")
    trace = _command(commands, "trace", tracing.trace, "draw what happened in a call: the SIP ladder of both legs")
    trace.add_argument("call", metavar="CALL", help="its id")


def _profiles(commands: Commands) -> None:
    profile = _group(commands, "profile", "ready-made trunk profiles")
    unread = "taken as by every command, and not read"
    _command(profile, "list", profiles.profile_list, "list the trunk profiles that come with it", config=unread)
    show = _command(profile, "show", profiles.profile_show, "print one, to be put into a configuration", config=unread)
    show.add_argument("name", metavar="NAME")


def _deploy(commands: Commands) -> None:
    deploy = _group(commands, "deploy", "files for running it: systemd unit, container, dashboard, alert rules")
    unread = "taken as by every command, and not read"
    _command(deploy, "list", deploy_files.deploy_list, "list the files that come with it", config=unread)
    show = _command(deploy, "show", deploy_files.deploy_show, "print one, to be put in its place", config=unread)
    show.add_argument("name", metavar="NAME")


def _group(commands: Commands, name: str, text: str) -> Commands:
    parser = commands.add_parser(name, help=text, description=text)
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _of_organisation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--org", required=True, metavar="ORG_ID")
