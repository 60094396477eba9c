"""Figure 4: one case as every system explains it, with errors and true claims marked (section 3.5.1)."""

import logging

from recexplainer.checking.checker import load_catalogue
from recexplainer.explanation.cases import read_selected
from recexplainer.figures.case_image import write_images
from recexplainer.figures.case_view import CaseView, describe_case, write_page
from recexplainer.figures.panels import CHECKS, find_case, how_chosen, make_panel
from recexplainer.figures.select import load_answers
from recexplainer.style import judge_label, system_colors, system_label

logger = logging.getLogger(__name__)


def figure4(
    *,
    cases: str,
    items: str,
    explanations: list[str],
    systems: list[str],
    judgements: str,
    selected: str,
    dataset: str,
    page: str,
    images: list[str],
    synthetic: str = "",
) -> None:
    """Show the selected case with the texts of all systems.

    Args:
        cases: ``cases.parquet``.
        items: ``items.parquet``, the catalogue against which titles are checked.
        explanations: one file per system.
        systems: their names, in the order of the figure.
        judgements: the file of the judge whose ratings are shown.
        selected: the case, as :func:`recexplainer.figures.select.select_case` writes it.
        dataset: named in the heading.
        page: the HTML file to write.
        images: the images to write, ``.svg``, ``.pdf`` or ``.png``.
        synthetic: what of it is made up, in a sentence; "" for nothing.

    Raises:
        InputError: the files do not belong together, or one of them is missing or broken.
    """
    answers = load_answers(cases=cases, explanations=explanations, systems=systems, judgements=judgements)
    choice = read_selected(selected)
    case = find_case(answers.cases, choice, selected, cases)
    colors, catalogue = system_colors(systems), load_catalogue(items)
    name = choice["case"]
    view = CaseView(
        heading=f"Figure 4. One decision, explained by each system ({dataset}, case {name})",
        panels=[
            make_panel(
                system_label(system),
                colors[system],
                answers.explanations[name, system],
                case,
                catalogue,
                answers.ratings.get((name, system)),
            )
            for system in systems
        ],
        judge=answers.judge,
        caption=(
            f"Ratings by {judge_label(answers.judge)}, from 1 (wrong decision) to 4 (good reasons). "
            f"{how_chosen(choice)} {CHECKS}"
        ),
        synthetic=synthetic,
        **describe_case(case),
    )
    write_page(view, page)
    write_images(view, images)
    logger.info("figure 4, case %s, in %s", name, page)
