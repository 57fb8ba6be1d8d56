"""The base of all widgets that draw lines themselves: it sends only the cells that changed to the terminal.

A subclass computes its visible lines (tui.logic.lines); `repaint` compares them with those on the screen. A chart that
grows by one point costs a few dozen bytes over SSH this way, where a redrawn one costs kilobytes.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.host import host_of
from tui.logic.lines import Line, Span, in_words


def selected(spans: Line) -> Line:
    """The line as the cursor's line."""
    return (Span("", "cursor"), *spans)


class LineView(ScrollView):
    """Shows the lines of `visible_lines`."""

    can_focus = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] | None = None
        self._drawn_width = 0
        self._cuts: dict[int, tuple[int, int]] = {}
        self._base: Style | None = None

    def visible_lines(self, width: int, height: int, top: int) -> list[Line]:
        """Up to `height` lines from row `top` on."""
        raise NotImplementedError

    @property
    def is_stale(self) -> bool:
        """Whether the lines on the screen are to be computed again, whatever they show."""
        return self._lines is None

    def repaint(self) -> None:
        """Compute the visible lines again and refresh the cells that differ."""
        if not self.is_attached or not self.size.width:
            return
        self._base = None
        old, new = self._lines, self._computed()
        self._lines = new
        if old is None or len(old) != len(new):
            self.refresh()
            return
        width = self.size.width
        self._cuts = {y: cells for y in range(len(new)) if (cells := changed_cells(old[y], new[y], width))}
        regions = [Region(start, y, end - start, 1) for y, (start, end) in self._cuts.items()]
        if regions:
            self.refresh(*regions)

    def _computed(self) -> list[Line]:
        size = self.scrollable_content_region.size
        self._drawn_width = size.width
        lines = self.visible_lines(size.width, size.height, self.scroll_offset.y)[: size.height]
        if host_of(self).ascii_only:
            lines = [in_words(spans) for spans in lines]
        return lines + [()] * (size.height - len(lines))

    def render_line(self, y: int) -> Strip:
        if self._lines is None or self._drawn_width != self.scrollable_content_region.width:  # a scrollbar came or went
            self._lines = self._computed()
        spans = self._lines[y] if y < len(self._lines) else ()
        strip = self._strip(spans, self.size.width)
        if y not in self._cuts:
            return strip
        # Textual sends whole segments: cut them where the change begins and ends.
        start, end = self._cuts[y]
        cuts = [cut for cut in (start, end, self.size.width) if cut > 0]
        return Strip([segment for part in strip.divide(list(dict.fromkeys(cuts))) for segment in part], self.size.width)

    def _strip(self, spans: Line, width: int) -> Strip:
        base = self._base = self._base or self.rich_style  # made of all ancestors' styles: not once a line
        styles = host_of(self).line_styles
        if spans and spans[0] == ("", "cursor"):
            base += styles["cursor"]
            segments = [Segment(span.text, base) for span in spans[1:]]
        else:
            segments = [Segment(span.text, base + styles[span.style] if span.style else base) for span in spans]
        return Strip(segments).adjust_cell_length(width, base)

    def notify_style_update(self) -> None:
        self._lines = self._base = None
        super().notify_style_update()

    def set_rows(self, rows: int) -> None:
        """How many lines there are in all, for scrolling."""
        if self.virtual_size.height != rows:
            self.virtual_size = Size(0, rows)
            self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        self._lines = None
        super().watch_scroll_y(old_value, new_value)

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        self._lines = None
        super().watch_scroll_x(old_value, new_value)

    def on_resize(self) -> None:
        self._lines = None
        self.refresh()

    def on_show(self) -> None:
        self._lines = None


def changed_cells(old: Line, new: Line, width: int) -> tuple[int, int] | None:
    """The columns between the first and the last cell that differ; None where the lines are equal."""
    if old == new:
        return None
    if (old[:1] == (("", "cursor"),)) != (new[:1] == (("", "cursor"),)):
        return 0, width
    left = 0
    index = 0
    while index < min(len(old), len(new)) and old[index] == new[index]:
        left += cell_len(new[index].text)
        index += 1
    if (
        index < min(len(old), len(new))
        and old[index].style == new[index].style
        and old[index].text.isascii() == new[index].text.isascii()
    ):
        for a, b in zip(old[index].text, new[index].text, strict=False):
            if a != b:
                break
            left += cell_len(a)
    right = _common_end(
        old[index:], new[index:], sum(cell_len(span.text) for span in old), sum(cell_len(span.text) for span in new)
    )
    reach = max(sum(cell_len(span.text) for span in old), sum(cell_len(span.text) for span in new))
    end = min(width, reach - right)
    return (min(left, width), end) if end > min(left, width) else (0, width)


def _common_end(old: Line, new: Line, old_width: int, new_width: int) -> int:
    """Cells at the end of both lines that are the same; only lines of one width have any."""
    if old_width != new_width:
        return 0
    same = 0
    for a, b in zip(reversed(old), reversed(new), strict=False):
        if a == b:
            same += cell_len(a.text)
            continue
        if a.style == b.style:
            for x, y in zip(reversed(a.text), reversed(b.text), strict=False):
                if x != y:
                    break
                same += cell_len(x)
        break
    return 0 if same >= new_width else same


class Panel(LineView):
    """Lines that are handed in; those that do not fit are cut off."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=f"panel {classes or ''}".strip())
        self._shown: list[Line] = []

    def show(self, lines: list[Line]) -> None:
        self._shown = lines
        self.repaint()

    def visible_lines(self, width: int, height: int, top: int) -> list[Line]:
        return self._shown[top : top + height]
