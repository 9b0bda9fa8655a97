"""Cells that tell their column's title."""

from markupsafe import Markup

from control_api.portal.tables import titled


def test_each_cell_but_the_first_has_its_title() -> None:
    rows = Markup(
        '<tr>\n<th scope="row">1</th><td class="figure">2</td><td>3</td></tr><tr><th>4</th><td>5</td><td>6</td></tr>'
    )
    assert titled(rows, ("Name", ">Cost & more", "")) == Markup(
        '<tr>\n<th scope="row">1</th><td data-title="Cost &amp; more" class="figure">2</td><td>3</td></tr>'
        '<tr><th>4</th><td data-title="Cost &amp; more">5</td><td>6</td></tr>'
    )


def test_a_row_of_another_shape_stays() -> None:
    rows = Markup('<tr><td colspan="2">nothing</td></tr>')
    assert titled(rows, ("Name", "Cost")) == rows
