"""The pipeline as a picture: the rules from top to bottom, each below everything that it needs."""

from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from html import escape

from recexplainer.errors import InputError
from recexplainer.style import INK, MUTED

Edges = list[tuple[str, str]]
Node = str | tuple[str, int]
"""A rule; or, where an edge passes a layer, the edge's start and that layer."""
Link = tuple[Node, Node]

HEIGHT, GAP_X, GAP_Y = 26, 26, 34
"""Of a box, between boxes and between layers, in pixels."""

LETTER = 6.9
"""Width of a letter of the boxes' font at 12 pixels, generously."""

SWEEPS = 24
"""How often the layers are put in order from top to bottom and back: it settles long before."""


def read_edges(value: object, origin: str) -> Edges:
    """Check edges that were read from JSON, and return those between rules that do work: not the target rule ``all``.

    Args:
        value: ``[[from, to], ...]``; ``to`` needs what ``from`` makes.
        origin: the file, for messages.

    Raises:
        InputError: something else, or rules that need each other.
    """
    pair = "expected a list of pairs of rule names, [[from, to], ...]. Make the file again."
    if not isinstance(value, list):
        raise InputError(f"{origin}: {pair}")
    for place, edge in enumerate(value):
        if not (isinstance(edge, list) and len(edge) == 2 and all(isinstance(name, str) for name in edge)):
            raise InputError(f"{origin}: entry {place}: {pair}")
    edges = sorted({(start, end) for start, end in value if "all" not in (start, end) and start != end})
    try:
        layers(edges)
    except CycleError:
        raise InputError(f"{origin}: rules that need each other; expected none. Make the file again.") from None
    return edges


def layers(edges: Edges) -> dict[str, int]:
    """Return the layer of every rule, 0 at the top: one below the lowest of what it needs.

    Raises:
        graphlib.CycleError: rules that need each other.
    """
    needs: dict[str, set[str]] = {name: set() for edge in edges for name in edge}
    for start, end in edges:
        needs[end].add(start)
    depth: dict[str, int] = {}
    for name in TopologicalSorter(needs).static_order():
        depth[name] = 1 + max((depth[other] for other in needs[name]), default=-1)
    return depth


def reduce_edges(edges: Edges) -> Edges:
    """Return the edges less those that a longer way says already (the transitive reduction)."""
    after: dict[str, set[str]] = defaultdict(set)
    for start, end in edges:
        after[start].add(end)
    depth, reach = layers(edges), dict[str, set[str]]()
    for name in sorted(depth, key=lambda name: depth[name], reverse=True):
        reach[name] = set(after[name]).union(*(reach[other] for other in after[name]))
    return [(a, b) for a, b in edges if not any(b in reach[other] for other in after[a] if other != b)]


def draw_dag(edges: Edges) -> str:
    """Return the graph as an SVG picture; names are escaped, and the same edges give the same text.

    Args:
        edges: of :func:`read_edges`.
    """
    edges = reduce_edges(edges)
    depth = layers(edges)
    # A rule that needs nothing stands right above what needs it.
    for name in depth:
        if not any(end == name for _, end in edges):
            depth[name] = min(depth[end] for start, end in edges if start == name) - 1
    rows, links = _rows(edges, depth)
    rows = _in_order(rows, links)
    middles, width = _middles(rows, links)
    height = len(rows) * (HEIGHT + GAP_Y) - GAP_Y + 2
    top = {node: row * (HEIGHT + GAP_Y) + 1 for row, nodes in enumerate(rows) for node in nodes}
    lines = []
    for start, end in links:
        x1, x2, y1, y2 = middles[start], middles[end], top[start] + HEIGHT, top[end]
        middle = (y1 + y2) / 2
        # Through a row that an edge only passes it goes straight down.
        tail = f" V{y2 + HEIGHT}" if isinstance(end, tuple) else ""
        lines.append(f"M{x1:.0f} {y1}C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2}{tail}")
    boxes = []
    for node in (node for nodes in rows for node in nodes if isinstance(node, str)):
        wide = _width(node)
        boxes.append(
            f'<rect x="{middles[node] - wide / 2:.1f}" y="{top[node]}" width="{wide:.1f}" height="{HEIGHT}" rx="5"/>'
            f'<text x="{middles[node]:.1f}" y="{top[node] + 17}">{escape(node.replace("_", " "))}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}"'
        f' height="{height}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="12">'
        f'<path d="{"".join(lines)}" fill="none" stroke="{MUTED}" stroke-opacity="0.55" stroke-width="1.2"/>'
        f'<g fill="#eaf2f8" stroke="#0072b2">{"".join(box[: box.index("<text")] for box in boxes)}</g>'
        f'<g fill="{INK}" text-anchor="middle">{"".join(box[box.index("<text") :] for box in boxes)}</g></svg>\n'
    )


def _width(node: Node) -> float:
    """Return the width of a node's box; an edge that passes a row takes little room."""
    return len(node) * LETTER + 16 if isinstance(node, str) else 4.0


def _rows(edges: Edges, depth: dict[str, int]) -> tuple[list[list[Node]], list[Link]]:
    """Return the nodes of each layer, and the links between neighbouring layers.

    Where an edge passes a layer, a node ``(start, layer)`` stands for it.
    """
    rows: list[list[Node]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in sorted(depth):
        rows[depth[name]].append(name)
    links: list[Link] = []
    for start, end in edges:
        before: Node = start
        for layer in range(depth[start] + 1, depth[end]):
            # Edges of one start share their way as long as they can.
            node = (start, layer)
            if node not in rows[layer]:
                rows[layer].append(node)
            if (before, node) not in links:
                links.append((before, node))
            before = node
        links.append((before, end))
    return rows, links


def _in_order(rows: list[list[Node]], links: list[Link]) -> list[list[Node]]:
    """Return the layers with their nodes in an order with few crossings: each at the mean of its neighbours' places."""
    up: dict[Node, list[Node]] = defaultdict(list)
    down: dict[Node, list[Node]] = defaultdict(list)
    for start, end in links:
        down[start].append(end)
        up[end].append(start)

    def crossings(rows: list[list[Node]]) -> int:
        place = {node: index for row in rows for index, node in enumerate(row)}
        count = 0
        for row in rows:
            ends = [(place[node], place[end]) for node in row for end in down[node]]
            count += sum(a < c and b > d for a, b in ends for c, d in ends)
        return count

    best, fewest = rows, crossings(rows)
    for sweep in range(SWEEPS):
        neighbours = up if sweep % 2 == 0 else down
        order = list(range(len(rows))) if sweep % 2 == 0 else list(reversed(range(len(rows))))
        rows = list(rows)
        for layer in order:
            place = {node: index for row in rows for index, node in enumerate(row)}

            def mean(
                node: Node, place: dict[Node, int] = place, neighbours: dict[Node, list[Node]] = neighbours
            ) -> float:
                near = [place[other] for other in neighbours[node]]
                return sum(near) / len(near) if near else place[node]

            rows[layer] = sorted(rows[layer], key=mean)
        count = crossings(rows)
        if count < fewest:
            best, fewest = rows, count
    return best


def _middles(rows: list[list[Node]], links: list[Link]) -> tuple[dict[Node, float], float]:
    """Return the middle of every node in pixels, and the width of the picture.

    Nodes move towards the mean of their neighbours, as far as the order and the boxes beside them let them.
    """
    near: dict[Node, list[Node]] = defaultdict(list)
    for start, end in links:
        near[start].append(end)
        near[end].append(start)
    widest = max((sum(map(_width, row)) + GAP_X * (len(row) - 1) for row in rows), default=0.0)
    middles: dict[Node, float] = {}
    for row in rows:
        left = (widest - sum(map(_width, row)) - GAP_X * (len(row) - 1)) / 2
        for node in row:
            middles[node] = left + _width(node) / 2
            left += _width(node) + GAP_X
    for _ in range(SWEEPS):
        for row in rows:
            wish = {node: sum(middles[o] for o in near[node]) / len(near[node]) if near[node] else 0.0 for node in row}
            _settle(row, wish, widest, middles)
    return middles, widest + 2


def _settle(row: list[Node], wish: dict[Node, float], widest: float, middles: dict[Node, float]) -> None:
    """Put the nodes of a row as near to their wishes as their order lets them: between packing left and right."""
    lefts, rights = {}, {}
    edge = 1.0
    room = sum(map(_width, row)) + GAP_X * (len(row) - 1)
    for node in row:
        half = _width(node) / 2
        latest = widest + 1 - room + half
        lefts[node] = min(max(wish[node], edge + half), max(latest, edge + half))
        edge = lefts[node] + half + GAP_X
        room -= _width(node) + GAP_X
    edge = widest + 1
    room = sum(map(_width, row)) + GAP_X * (len(row) - 1)
    for node in reversed(row):
        half = _width(node) / 2
        earliest = 1 + room - half
        rights[node] = max(min(wish[node], edge - half), min(earliest, edge - half))
        edge = rights[node] - half - GAP_X
        room -= _width(node) + GAP_X
    for node in row:
        middles[node] = (lefts[node] + rights[node]) / 2
