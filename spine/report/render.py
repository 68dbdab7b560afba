"""The forms in which a report is given away."""

import json
from enum import StrEnum

from spine.report.document import document
from spine.report.html import html
from spine.report.markdown import markdown
from spine.report.model import Report


class Form(StrEnum):
    """How a report is rendered."""

    MD = "md"
    HTML = "html"
    JSON = "json"

    @property
    def media_type(self) -> str:
        """What it is called in HTTP."""
        return {"md": "text/markdown", "html": "text/html", "json": "application/json"}[self.value]


def render(report: Report, form: Form) -> str:
    """The report in one form."""
    if form is Form.HTML:
        return html(report)
    return markdown(report) if form is Form.MD else json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"
