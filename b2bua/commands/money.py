"""Commands about money, on the database, beside a running server."""

import argparse
from dataclasses import asdict

from b2bua.commands.databases import checked_apart
from b2bua.commands.output import Output
from b2bua.config import Config


async def ledger_check(_options: argparse.Namespace, config: Config, output: Output) -> int:
    """`ledger check`: status 1 where something does not agree."""
    found = await checked_apart(config, lambda reader: reader.discrepancies())
    if not found:
        output.one({"data": []}, "wallets, ledger, calls, payments and documents agree")
        return 0
    output.rows([asdict(one) for one in found], ("kind", "org_id", "subject", "expected", "found"))
    return 1
