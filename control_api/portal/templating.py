"""The pages' templates: escaped always, a name that is not there is an error."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from control_api.portal import formats
from control_api.portal.navigation import is_current
from control_api.portal.plots import minutes
from control_api.portal.qr_codes import qr_code
from control_api.portal.static_files import StaticFiles
from control_api.portal.tables import titled


class Templating:
    """Renders the templates that lie in `templates/`; each is compiled when it is first asked for."""

    def __init__(self, static: StaticFiles) -> None:
        self._environment = Environment(
            loader=PackageLoader("control_api.portal"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(
            moment=formats.moment,
            month=formats.month,
            time_of_day=formats.time_of_day,
            rupees=formats.rupees,
            grouped=formats.grouped,
            length=formats.length,
            quality=formats.quality,
            tone=formats.tone,
            qr_code=qr_code,
            minutes=minutes,
            titled=titled,
        )
        self._environment.globals.update(
            static=static.address, is_current=is_current, percent=formats.percent, key_state=formats.key_state
        )

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """The text of a template."""
        return self._environment.get_template(name).render(context)
