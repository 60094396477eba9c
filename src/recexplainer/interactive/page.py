"""A local page on which one builds a history, picks an item and a point of view, and sees the systems side by side.

It is served to this machine alone, and asks nothing of any other. Texts of data sets and models are escaped.
"""

import asyncio
import html
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nicegui import app, run, ui
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request

from recexplainer import run_names
from recexplainer.checking.checker import Citation
from recexplainer.checking.marked import STANDINGS, standing
from recexplainer.errors import InputError
from recexplainer.interactive.explainer import Answer, Explainer, Verdict
from recexplainer.interactive.guard import SameOrigin
from recexplainer.interactive.sessions import PATIENCE, limit, turned_away
from recexplainer.style import FAINT, INK, ITEM, MUTED, RIGHT, SYSTEM_COLORS, WRONG, system_colors

logger = logging.getLogger(__name__)

Question = tuple[tuple[int, ...], int, str | None]
"""History, item and point of view."""

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
body {{
  --muted: {MUTED}; --line: {FAINT}; --right: {RIGHT}; --wrong: {WRONG}; --item: {ITEM};
  color: {INK}; background: #f6f7f9;
}}
body.body--dark {{
  --muted: #a9afb9; --line: #3a3f48; --right: #5fd0a8; --wrong: #ff958c; --item: #8ab8ff;
  color: #e7e9ed; background: #15171a;
}}
.body--dark :is(.q-field, .q-btn--flat, .q-spinner) {{ --q-primary: #7cc0f0; }}
.body--dark .text-negative {{ --q-negative: var(--wrong); }}
.q-loading-bar {{ display: none; }}
.asked, .answer {{ box-shadow: none; border: 1px solid var(--line); border-radius: 10px; }}
.quiet {{ color: var(--muted); }}
.text {{ line-height: 1.55; overflow-wrap: anywhere; white-space: pre-wrap; }}
.text mark, .legend mark {{ background: none; color: inherit; text-decoration: underline; text-underline-offset: 3px; }}
mark.history {{ text-decoration-color: var(--right) !important; }}
mark.target {{ text-decoration-color: var(--item) !important; text-decoration-style: double !important; }}
mark.named {{ text-decoration-color: var(--muted) !important; text-decoration-style: dotted !important; }}
mark.misplaced, mark.refuted {{ color: var(--wrong) !important; font-weight: 600; text-decoration-style: solid; }}
mark.catalogue {{ color: var(--wrong) !important; text-decoration-style: dashed !important; }}
mark.nowhere {{ color: var(--wrong) !important; text-decoration-style: wavy !important; font-weight: 600; }}
.title, .facts {{ overflow-wrap: anywhere; }}
.facts {{ color: var(--muted); font-size: .75rem; line-height: 1.2; }}
@media (max-width: 767px) {{ .answers:not(:empty) {{ min-height: 90vh; }} }}
.stale {{ opacity: .4; filter: grayscale(1); }}
@media (pointer: coarse) {{ .asked .q-btn {{ min-width: 44px; min-height: 44px; }} }}
"""
NOTHING_FOUND = "<q-item><q-item-section>Nothing found</q-item-section></q-item>"
# On a small screen the answers are below the question.
INTO_VIEW = "if (innerWidth < 768) document.querySelector('.answers').scrollIntoView()"
GENERATED = "Generated data: this shows how the page works, and says nothing of any real recommender."
CHANGED = "The question has changed since. Ask again."


class Library:
    """The datasets of a run, each read when somebody asks for it; one LLM is in memory at a time.

    Args:
        results: the folder of a finished run.
        names: of its datasets, as in the config; :func:`recexplainer.run_names.shown` says what they are called.
    """

    def __init__(self, results: str | Path, names: dict[str, str]):
        self.results, self.names = results, names
        self._read: dict[str, Explainer] = {}
        self.busy = asyncio.Lock()
        """Held while a system answers: all visitors share the systems."""

    def get(self, dataset: str) -> Explainer:
        """Return a dataset of the run.

        Raises:
            InputError: there is no such dataset, or a file of it is missing.
        """
        if dataset not in self._read:
            self._read[dataset] = Explainer(self.results, dataset)
        return self._read[dataset]

    def ask(self, dataset: str, *question: Any) -> Answer:
        """Let a system of a dataset answer: :meth:`recexplainer.interactive.explainer.Explainer.ask`."""
        for name, explainer in self._read.items():
            if name != dataset:
                explainer.unload()
        return self._read[dataset].ask(*question)


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
        library: the run.
        dataset: which of its datasets.
        question: what the address asks: ``history`` (items with "," between them), ``item`` and ``viewpoint``; what is
            no item of the dataset is left out. Without a history, a user's stands there as an example.
    """

    def __init__(self, library: Library, dataset: str, question: dict[str, str]):
        self.library, self.dataset, self.explainer = library, dataset, library.get(dataset)
        self.history: list[int] = []
        self.asked: Question | None = None
        ui.add_head_html('<script>document.documentElement.lang = "en"</script>')
        ui.add_css(STYLE)
        ui.colors(primary=SYSTEM_COLORS["hybrid"])
        with ui.column().classes("w-full max-w-6xl mx-auto p-2 md:p-4 gap-4").props("role=main"):
            self._heading()
            with ui.element("div").classes("w-full grid grid-cols-1 md:grid-cols-3 gap-4 items-start"):
                with ui.card().classes("asked w-full"):
                    self._question()
                with ui.column().classes("w-full md:col-span-2 gap-4"):
                    self.notice = ui.label("Pick a user or build a history, pick an item, and ask.").classes("quiet")
                    self.answers = ui.column().classes("answers w-full gap-4")
        self._take_question(question)

    def _heading(self) -> None:
        title = f"RecExplainer: {self.explainer.name}" + (" (generated data)" if self.explainer.synthetic else "")
        ui.page_title(title)
        with ui.row().classes("w-full items-center justify-between gap-2"):
            ui.label(title).classes("text-2xl font-semibold title").props("role=heading aria-level=1")
            if len(self.library.names) > 1:
                menu = ui.select(self.library.names, label="Data set", value=self.dataset).classes("w-64")
                menu.on_value_change(lambda event: ui.navigate.to(f"/?{urlencode({'dataset': event.value})}"))
        about = f"Base LLM: {self.explainer.llm}. " + (GENERATED if self.explainer.synthetic else "")
        ui.label(about).classes("quiet")

    def _question(self) -> None:
        titles = dict(enumerate(self.explainer.titles))
        users = dict(enumerate(self.explainer.users))
        self.user = self._search(users, "User", self._take_user)
        with ui.row().classes("w-full items-center justify-between no-wrap"):
            ui.label("History, oldest first").classes("text-sm quiet")
            ui.button("Clear", on_click=self._clear).props("flat dense size=sm no-caps")
        self.listed = ui.column().classes("w-full gap-1")
        self.more = self._search(titles, "Add a title", self._add)
        self.item = self._search(titles, "Item", self._changed)
        self.about_item = ui.label().classes("facts")
        views = {"": "none", **{one: one for one in self.explainer.viewpoints}}
        self.viewpoint = ui.select(views, label="Point of view", value="", on_change=self._changed).classes("w-full")
        self.button = ui.button("Explain", on_click=self._explain).classes("w-full").props("unelevated")

    def _take_question(self, question: dict[str, str]) -> None:
        """Take the question of the address, or the first user's."""
        known = {str(item): item for item in range(len(self.explainer.titles))}
        self.history = list(dict.fromkeys(known[one] for one in question.get("history", "").split(",") if one in known))
        if self.history:
            self.item.value = known.get(question.get("item", ""))
            view = question.get("viewpoint", "")
            self.viewpoint.value = view if view in self.explainer.viewpoints else ""
            self._show_history()
        else:
            self.user.value = 0

    @staticmethod
    def _search(options: dict[int, str], label: str, on_change: Callable[..., object] | None = None) -> ui.select:
        """Return a field in which one types to find an option; what stood there is replaced."""
        field = ui.select(options, label=label, with_input=True, clearable=True, on_change=on_change).classes("w-full")
        field.add_slot("no-option", NOTHING_FOUND)
        return field.on("focus", js_handler="(event) => setTimeout(() => event.target.select?.(), 0)")

    def _take_user(self, event: Any) -> None:
        if event.value is None:
            return
        # The last item is the one in question: what the recommender was tested on.
        *self.history, item = self.explainer.history_of(self.explainer.users[event.value])
        self.item.value = item
        self._show_history()

    def _add(self, event: Any) -> None:
        if event.value is not None:
            if event.value not in self.history:
                self.history.append(event.value)
            self.more.value = None
            self.more.run_method("updateInputValue", "", True)
            self._show_history()

    def _clear(self) -> None:
        self.history, self.user.value, self.item.value = [], None, None
        self._show_history()

    def _current(self) -> Question:
        """The question as it stands: history, item and point of view."""
        return tuple(self.history), self.item.value, self.viewpoint.value or None

    def _changed(self) -> None:
        """Let answers to another question look like what they are."""
        item = self.item.value
        self.about_item.set_text("" if item is None else self.explainer.facts[item])
        if self.asked is not None:
            stale = self._current() != self.asked
            self.answers.classes(add="stale" if stale else "", remove="" if stale else "stale")
            self.notice.set_text(CHANGED if stale else "")

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
            seen = len(self.explainer.seen(self.history))
            if seen < len(self.history):
                ui.label(f"The recommender sees the newest {seen} of them.").classes("text-sm quiet")
            for place, item in enumerate(self.history):
                title = self.explainer.titles[item]
                with ui.row().classes("w-full items-center no-wrap gap-1"):
                    with ui.column().classes("grow gap-0"):
                        ui.label(title).classes("title")
                        if self.explainer.facts[item]:
                            ui.label(self.explainer.facts[item]).classes("facts")
                    for icon, to, name in (("arrow_upward", place - 1, "Earlier"), ("close", None, "Remove")):
                        button = ui.button(icon=icon, on_click=lambda _, p=place, t=to: self._change(p, t))
                        button.props(f"flat dense size=sm aria-label={name}")
        self._changed()

    async def _explain(self) -> None:
        self.asked = history, item, viewpoint = self._current()
        self.answers.clear()
        self._changed()
        self.button.disable()
        try:
            with self.answers:
                if item is None:
                    raise InputError("no item is chosen. Pick one.")
                verdict = await run.io_bound(self.explainer.judge, history, item)
                ui.navigate.history.replace(f"/?{urlencode(self._address(*self.asked))}")
                self._show_verdict(verdict, item)
                grid = ui.element("div").classes("w-full grid grid-cols-1 md:grid-cols-2 gap-4 items-start")
                self._legend()
                waiting = ui.row().classes("items-center")
                with waiting:
                    ui.spinner()
                    ui.label("The systems answer, one after the other.").classes("quiet")
            ui.run_javascript(INTO_VIEW)
            for system in self.explainer.systems:
                async with self.library.busy:
                    if self.answers.is_deleted:  # the visitor is gone
                        return
                    answer = await run.io_bound(self.library.ask, self.dataset, history, item, system, viewpoint)
                if self.answers.is_deleted:  # while it was answered
                    return
                with grid:
                    self._show_answer(answer, verdict, item, viewpoint)
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

    def _address(self, history: Sequence[int], item: int, viewpoint: str | None) -> dict[str, str]:
        address = {"dataset": self.dataset, "history": ",".join(map(str, history)), "item": str(item)}
        return address | ({"viewpoint": viewpoint} if viewpoint else {})

    def _show_verdict(self, verdict: Verdict, item: int) -> None:
        with ui.card().classes("answer w-full gap-1"):
            ui.label("The recommender").classes("text-sm quiet")
            ui.label(f"{VERDICTS[verdict.decision]}: {self.explainer.titles[item]}").classes("text-lg title")
            ui.label(f"score {verdict.score:.3f}, rank {verdict.rank} of {verdict.unseen} unseen items").classes(
                "quiet"
            )

    def _show_answer(self, answer: Answer, verdict: Verdict, item: int, viewpoint: str | None) -> None:
        mode = answer.system.partition("/")[0]
        color = system_colors([mode])[mode]
        with ui.card().classes("answer w-full gap-2").style(f"border-top: 4px solid {color}"):
            with ui.row().classes("w-full items-baseline justify-between no-wrap"):
                ui.label(answer.label)
                ui.label(self._agreement(answer, verdict)).classes("text-sm quiet")
            asked = self.explainer.titles[item] + (f", point of view: {viewpoint}" if viewpoint else "")
            ui.label(f"{DECISIONS[answer.decision]}: {asked}").classes("text-lg font-semibold title")
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


def serve(results: str | Path, config: dict[str, Any], dataset: str, port: int) -> None:
    """Serve the page until the program is stopped.

    Args:
        results: the folder of a finished run.
        config: its config.
        dataset: what is shown first; its LLM is loaded before the page is.
        port: on this machine; no other can reach it.

    Raises:
        InputError: there is no such dataset, or a file of it is missing or broken.
    """
    outside = run_names.external(config)
    asked = [one for one in run_names.of(config) if one.partition(".")[2] not in outside]
    library = Library(results, {one: run_names.shown(config, one) for one in asked})
    library.get(dataset).load()
    limit()
    # A page elsewhere must not reach this one, nor its socket, under a name of its own.
    app.add_middleware(SameOrigin, origins=[f"http://{name}:{port}" for name in (HOST, "localhost")])
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])

    @app.middleware("http")
    async def with_policy(request: Request, call_next: Callable[[Request], Awaitable[Any]]) -> Any:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @ui.page("/", title="RecExplainer")
    def index(request: Request) -> Any:
        refusal = turned_away()
        if refusal is None:
            question = dict(request.query_params)
            shown = question.get("dataset", dataset)
            Page(library, shown if shown in library.names else dataset, question)
        return refusal

    logger.info("open http://%s:%d in a browser; stop with Ctrl+C", HOST, port)
    ui.run(
        host=HOST,
        port=port,
        show=False,
        dark=None,  # as the visitor's system is
        reload=False,
        show_welcome_message=False,
        reconnect_timeout=PATIENCE,
        favicon="💡",
    )
