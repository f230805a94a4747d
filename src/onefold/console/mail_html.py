"""What of an email's HTML a browser gets to see: its formatting, and nothing that would do or fetch anything.

The frame it stands in runs nothing and its policy lets nothing be fetched; but a browser may open a connection to where
a frame or a link points before it looks at either, and a sender would see that.
"""

from __future__ import annotations

import nh3

_TAGS = (nh3.ALLOWED_TAGS | {"body", "center", "font", "head", "html", "style", "title"}) - {"map", "area"}
_FOR_ALL = {"align", "bgcolor", "class", "color", "dir", "height", "lang", "style", "title", "valign", "width"}
_ATTRIBUTES = {
    **{tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()},
    "*": _FOR_ALL,
    "font": {"face", "size"},
    "img": {"alt", "border", "src"},
    "table": {"border", "cellpadding", "cellspacing"},
}
_PICTURE = "data:image/"


def clean_html(html: str, *, images: bool) -> str:
    """The HTML without scripts, frames, forms, styles from elsewhere and links that would do something; pictures from
    elsewhere only with `images`, and then over https alone."""

    def attribute(tag: str, name: str, value: str) -> str | None:
        address = value.strip().lower()
        if tag == "img" and name == "src":
            return value if address.startswith((_PICTURE, "https:") if images else _PICTURE) else None
        return None if address.startswith("data:") else value

    return nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={"script"},
        attributes=_ATTRIBUTES,
        attribute_filter=attribute,
        url_schemes={"data", "https", "http", "mailto", "tel"},
    )
