"""A local page on which one builds a history, picks an item and a point of view, and sees the systems side by side.

It is served to this machine alone, and asks nothing of any other. Texts of data sets and models are escaped.
"""

import asyncio
import html
import logging
from collections.abc import Sequence

from nicegui import app, run, ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from recexplainer.errors import InputError
from recexplainer.explanation.checker import Citation
from recexplainer.explanation.marked import STANDINGS, standing
from recexplainer.interactive.explainer import BASE, Answer, Explainer, Verdict
from recexplainer.interactive.guard import SameOrigin
from recexplainer.interactive.sessions import PATIENCE, limit, turned_away
from recexplainer.style import FAINT, INK, ITEM, MUTED, RIGHT, SYSTEM_COLORS, WRONG, system_colors, system_label

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"
# Vue compiles its templates in the page, hence unsafe-eval; no text of ours or of a data set reaches a template.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self' ws://127.0.0.1:* ws://localhost:*; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
DECISIONS = {True: "Yes", False: "No", None: "No decision"}
VERDICTS = {"yes": "Yes, among its best", "no": "No, among its worst", "between": "Neither yes nor no"}
STYLE = f"""
body {{ color: {INK}; background: #f6f7f9; }}
.asked, .answer {{ box-shadow: none; border: 1px solid {FAINT}; border-radius: 10px; }}
.quiet {{ color: {MUTED}; }}
.text {{ line-height: 1.55; overflow-wrap: anywhere; white-space: pre-wrap; }}
.text mark, .legend mark {{ background: none; color: inherit; text-decoration: underline; text-underline-offset: 3px; }}
mark.history {{ text-decoration-color: {RIGHT} !important; }}
mark.target {{ text-decoration-color: {ITEM} !important; text-decoration-style: double !important; }}
mark.named {{ text-decoration-color: {MUTED} !important; text-decoration-style: dotted !important; }}
mark.misplaced, mark.refuted {{ color: {WRONG} !important; text-decoration-style: solid !important; font-weight: 600; }}
mark.catalogue {{ color: {WRONG} !important; text-decoration-style: dashed !important; }}
mark.nowhere {{ color: {WRONG} !important; text-decoration-style: wavy !important; font-weight: 600; }}
.title {{ overflow-wrap: anywhere; }}
"""


def marked(text: str, citations: Sequence[Citation]) -> str:
    """Return a text as HTML: escaped, each cited title marked with how it stands."""
    result, end = [], 0
    for citation in citations:
        result.append(html.escape(text[end : citation.start]))
        cited = html.escape(text[citation.start : citation.end])
        stands = standing(citation)
        result.append(f'<mark class="{stands}" title="{STANDINGS[stands][1]}">{cited}</mark>')
        end = citation.end
    return "".join([*result, html.escape(text[end:])])


class Page:
    """What one visitor sees.

    Args:
        explainer: the run.
        name: of the dataset.
        busy: held while a system answers; all visitors share the systems.
    """

    def __init__(self, explainer: Explainer, name: str, busy: asyncio.Lock):
        self.explainer, self.busy = explainer, busy
        self.history: list[int] = []
        ui.add_css(STYLE)
        ui.colors(primary=SYSTEM_COLORS["hybrid"])
        with ui.column().classes("w-full max-w-6xl mx-auto p-2 md:p-4 gap-4"):
            ui.label(f"RecExplainer: {name}").classes("text-2xl font-semibold").props("role=heading aria-level=1")
            with ui.element("div").classes("w-full grid grid-cols-1 md:grid-cols-3 gap-4 items-start"):
                with ui.card().classes("asked w-full"):
                    self._question()
                with ui.column().classes("w-full md:col-span-2 gap-4"):
                    self.answers = ui.column().classes("w-full gap-4")
                    with self.answers:
                        ui.label("Pick a user or build a history, pick an item, and ask.").classes("quiet")

    def _question(self) -> None:
        titles = dict(enumerate(self.explainer.titles))
        users = dict(enumerate(self.explainer.users))
        self._search(users, "User", self._take_user)
        ui.label("History, oldest first").classes("text-sm quiet")
        self.listed = ui.column().classes("w-full gap-1")
        self.more = self._search(titles, "Add a title", self._add)
        self.item = self._search(titles, "Item")
        views = {"": "none", **{one: one for one in self.explainer.viewpoints}}
        self.viewpoint = ui.select(views, label="Point of view", value="").classes("w-full")
        self.button = ui.button("Explain", on_click=self._explain).classes("w-full").props("unelevated")
        self._show_history()

    @staticmethod
    def _search(options: dict, label: str, on_change=None) -> ui.select:
        """Return a field in which one types to find an option; what stood there is replaced."""
        field = ui.select(options, label=label, with_input=True, clearable=True, on_change=on_change).classes("w-full")
        return field.on("focus", js_handler="(event) => setTimeout(() => event.target.select?.(), 0)")

    def _take_user(self, event) -> None:
        if event.value is None:
            return
        # The last item is the one in question: what the recommender was tested on.
        *self.history, item = self.explainer.history_of(self.explainer.users[event.value])
        self.item.value = item
        self._show_history()

    def _add(self, event) -> None:
        if event.value is not None:
            if event.value not in self.history:
                self.history.append(event.value)
            self.more.value = None
            self.more.run_method("updateInputValue", "", True)
            self._show_history()

    def _change(self, place: int, to: int | None) -> None:
        item = self.history.pop(place)
        if to is not None:
            self.history.insert(max(0, to), item)
        self._show_history()

    def _show_history(self) -> None:
        self.listed.clear()
        with self.listed:
            if not self.history:
                ui.label("empty").classes("quiet")
            for place, item in enumerate(self.history):
                title = self.explainer.titles[item]
                with ui.row().classes("w-full items-center no-wrap gap-1"):
                    ui.label(title).classes("title grow")
                    for icon, to, name in (("arrow_upward", place - 1, "Earlier"), ("close", None, "Remove")):
                        button = ui.button(icon=icon, on_click=lambda _, p=place, t=to: self._change(p, t))
                        button.props(f"flat dense size=sm aria-label={name}")

    async def _explain(self) -> None:
        history, item, viewpoint = list(self.history), self.item.value, self.viewpoint.value or None
        self.answers.clear()
        self.button.disable()
        try:
            with self.answers:
                if item is None:
                    raise InputError("no item is chosen. Pick one.")
                verdict = await run.io_bound(self.explainer.judge, history, item)
                self._show_verdict(verdict, item)
                grid = ui.element("div").classes("w-full grid grid-cols-1 md:grid-cols-2 gap-4 items-start")
                self._legend()
                waiting = ui.row().classes("items-center")
                with waiting:
                    ui.spinner()
                    ui.label("The systems answer, one after the other.").classes("quiet")
            for system in self.explainer.systems:
                async with self.busy:
                    if self.answers.is_deleted:  # the visitor is gone
                        return
                    answer = await run.io_bound(self.explainer.ask, history, item, system, viewpoint)
                if self.answers.is_deleted:  # while it was answered
                    return
                with grid:
                    self._show_answer(answer, verdict)
            waiting.delete()
        except InputError as error:
            with self.answers:
                ui.label(f"{str(error)[0].upper()}{str(error)[1:]}").classes("text-negative")
        except Exception as error:
            logger.exception("a question could not be answered")
            with self.answers:
                ui.label(f"This could not be answered: {error}. The terminal has more.").classes("text-negative")
        finally:
            if not self.button.is_deleted:
                self.button.enable()

    def _show_verdict(self, verdict: Verdict, item: int) -> None:
        with ui.card().classes("answer w-full gap-1"):
            ui.label("The recommender").classes("text-sm quiet")
            ui.label(f"{VERDICTS[verdict.decision]}: {self.explainer.titles[item]}").classes("text-lg title")
            ui.label(f"score {verdict.score:.3f}, rank {verdict.rank} of {verdict.unseen} unseen items").classes(
                "quiet"
            )

    def _show_answer(self, answer: Answer, verdict: Verdict) -> None:
        mode = answer.system.partition("/")[0]
        color = system_colors([mode])[mode]
        with ui.card().classes("answer w-full gap-2").style(f"border-top: 4px solid {color}"):
            with ui.row().classes("w-full items-baseline justify-between no-wrap"):
                ui.label("Base LLM" if answer.system == BASE else system_label(answer.system.replace("/", "-")))
                ui.label(self._agreement(answer, verdict)).classes("text-sm quiet")
            ui.label(DECISIONS[answer.decision]).classes("text-lg font-semibold")
            if answer.finish == "failed":
                ui.label("The question is too long for this model.").classes("quiet")
            else:
                ui.html(marked(answer.text, answer.citations), sanitize=False).classes("text")
                ui.label(" ".join(answer.remarks(verdict))).classes("text-sm quiet")

    @staticmethod
    def _agreement(answer: Answer, verdict: Verdict) -> str:
        if answer.decision is None or verdict.decision == "between":
            return ""
        return "as the recommender" if answer.decision == (verdict.decision == "yes") else "against the recommender"

    @staticmethod
    def _legend() -> None:
        kinds = " · ".join(f'<mark class="{kind}">{html.escape(name)}</mark>' for kind, (_, name) in STANDINGS.items())
        ui.html(f"Cited titles: {kinds}", sanitize=False).classes("legend text-sm quiet")


def serve(explainer: Explainer, name: str, port: int) -> None:
    """Serve the page until the program is stopped.

    Args:
        explainer: the run.
        name: of the dataset, for the heading.
        port: on this machine; no other can reach it.
    """
    busy = asyncio.Lock()
    limit()
    # A page elsewhere must not reach this one, nor its socket, under a name of its own.
    app.add_middleware(SameOrigin, origins=[f"http://{name}:{port}" for name in (HOST, "localhost")])
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])

    @app.middleware("http")
    async def with_policy(request, call_next):
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @ui.page("/", title=f"RecExplainer: {name}")
    def index():
        refusal = turned_away()
        if refusal is None:
            Page(explainer, name, busy)
        return refusal

    logger.info("open http://%s:%d in a browser; stop with Ctrl+C", HOST, port)
    ui.run(
        host=HOST,
        port=port,
        show=False,
        reload=False,
        show_welcome_message=False,
        reconnect_timeout=PATIENCE,
        favicon="💡",
    )
