"""Reports: what happened at an incident, or in a week, in sentences that each name the audit entries they rest on.

`account.py` is what was read, `part/` turns it into sections, `model.py` is what a report consists of, and
`markdown.py`, `html.py` and `document.py` render it. Pure: nothing is read here.
"""
