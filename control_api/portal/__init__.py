"""The portal: pages for people, rendered here, at `/portal`. A client of the REST API in the same process.

What a page may know and do is what the API tells and does for whoever is signed in: a page asks `page.rest`, which
goes through the API's own boundary (session, rate limit, rights, audit) with the browser's cookie. So whatever a page
needs is an endpoint first.

Adding a page
    1. A file in `pages/` named for its subject, with handlers `async def show_x(page: Page) -> web.Response` and its
       table `PAGES: Final = (PageRoute("GET", "/portal/x", show_x, Right.X_READ), ...)`; add that table to `PAGES` in
       `mount.py`.
    2. Read with `await page.rest.get("/v1/...", page=2)`: an `Answer` with `data` and `meta` as in the JSON. A
       refusal is raised as `Refused`, which becomes an error page of the same status, or the way to the sign-in, by
       itself.
    3. Show with `page.render("x.html", name=value)`. Besides those names a template has `me`, `may("keys:write")`,
       `sent` (what a form brought), `error` (the refusal of a form, with `message` and `field`), `path`,
       `static("portal.css")`.
    4. A form is a POST that changes something through `page.rest.post(path, **body)` or `page.rest.call(method, path,
       body=...)`, then `page.redirect("/portal/x", "a-word")`; the word stands for a sentence in `flashes.py`. What
       the API refuses is shown beside the field: `except Refused as refused: return page.again("x.html",
       refused.reply, ...)`. A secret that is shown once is rendered as the answer to the POST, and nowhere else.
    5. An entry in `navigation.py`, which hides what a role may not see;
       `tests/portal/test_frame.py` asks every page for every role.

Templates
    A page begins `{% extends "layout.html" %}` and `{% import "parts.html" as ui with context %}`, and fills the
    blocks `title` and `content`. `parts.html` has the pieces: `ui.heading` (with its actions), `ui.table` (a caption,
    columns and rows by `{% call %}`), `ui.form` (brings the CSRF token), `ui.field`, `ui.choice`, `ui.ticks`,
    `ui.submit`, `ui.confirm` (a step before what cannot be undone), `ui.badge` (a state as word and colour),
    `ui.pager`, `ui.time`, `ui.nothing`, `ui.secret`. Filters: `moment`, `time_of_day`, `rupees`, `grouped`, `length`.
    Parts that update by themselves: `hx-get` of a page that renders a template without the layout, `hx-trigger` by
    time, or by an event of `/v1/masking/events` (`hx-ext="sse"`, as in `overview.html`).

The rules
    No inline script or style, nothing from elsewhere (the payment provider's checkout on its own page alone): the
    content security policy in `door.py` says so. Every page works without a script; scripts only make it smoother.
    The look is one file, `static/portal.css`, with its colours as custom properties; light or dark as the browser has
    it. Times are Indian time.

`mount.new_portal` is imported where the application is made, so that no other command loads the templates' library.
"""
