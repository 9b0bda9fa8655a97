"""Query strings."""

from collections.abc import Container, Mapping

from control_api.errors import InvalidRequest


def single_values(query: Mapping[str, str], known: Container[str]) -> dict[str, str]:
    """The known parameters of a query. Raises InvalidRequest when one is given twice: which one would count?"""
    values: dict[str, str] = {}
    for name, text in query.items():  # a multi-map's items, repeated names included
        if name in values:
            raise InvalidRequest(f"{name} is given more than once.", name)
        if name in known:
            values[name] = text
    return values
