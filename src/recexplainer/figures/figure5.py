"""Figure 5: the same case, explained by one system from the points of view that it is told to take (section 3.5.2)."""

import logging

from recexplainer.checking.checker import load_catalogue
from recexplainer.errors import InputError
from recexplainer.explanation.cases import read_selected
from recexplainer.explanation.texts import load_viewpoints
from recexplainer.figures.case_image import write_images
from recexplainer.figures.case_view import CaseView, describe_case, write_page
from recexplainer.figures.panels import CHECKS, find_case, how_chosen, make_panel
from recexplainer.figures.select import cases_by_name
from recexplainer.prompts.explanation import load_explanation_prompts
from recexplainer.style import system_colors, system_label

logger = logging.getLogger(__name__)


def figure5(
    *,
    cases: str,
    items: str,
    viewpoints: str,
    prompts: str,
    selected: str,
    dataset: str,
    page: str,
    images: list[str],
    synthetic: str = "",
) -> None:
    """Show the selected case as one system explains it from each point of view.

    Args:
        cases: ``cases.parquet``.
        items: ``items.parquet``, the catalogue against which titles are checked.
        viewpoints: the explanations, one row per case and point of view; rows of other cases are left out.
        prompts: the YAML file with the sentence of each point of view.
        selected: the case and the system, as :func:`recexplainer.figures.select.select_case` writes them.
        dataset: named in the heading.
        page: the HTML file to write.
        images: the images to write, ``.svg``, ``.pdf`` or ``.png``.
        synthetic: what of it is made up, in a sentence; "" for nothing.

    Raises:
        InputError: the files do not belong together, or one of them is missing or broken.
    """
    choice = read_selected(selected)
    case = find_case(cases_by_name(cases), choice, selected, cases)
    rows = [row for row in load_viewpoints(viewpoints) if row["case"] == choice["case"]]
    if not rows:
        raise InputError(f"{viewpoints}: no text for case {choice['case']!r} of {selected}. Explain it again.")
    sentences, catalogue = load_explanation_prompts(prompts).viewpoints, load_catalogue(items)
    unknown = [row["viewpoint"] for row in rows if row["viewpoint"] not in sentences]
    if unknown:
        raise InputError(f"{prompts}: viewpoints: {unknown[0]!r} is missing, but {viewpoints} has it. Add it.")
    system = choice["system"]
    color = system_colors([system])[system]
    view = CaseView(
        heading=(
            f"Figure 5. One decision, explained by {system_label(system)} on instruction "
            f"({dataset}, case {choice['case']})"
        ),
        panels=[
            make_panel(
                f"{row['viewpoint'][:1].upper()}{row['viewpoint'][1:]}",
                color,
                row,
                case,
                catalogue,
                note=f"Also told: “{sentences[row['viewpoint']]}”",
            )
            for row in rows
        ],
        judge="",
        caption=f"{how_chosen(choice)} {CHECKS}",
        synthetic=synthetic,
        **describe_case(case),
    )
    write_page(view, page)
    write_images(view, images)
    logger.info("figure 5, case %s, in %s", choice["case"], page)
