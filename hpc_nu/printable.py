"""Text of somebody else's, such as names, errors of rows and values of an input, before it is printed.

As it is it could clear the screen, hide what was said before, or type for the user.
"""

import re

# Control characters but tabs and line ends; marks and overrides of the direction; bytes of a name that are no UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text):
    """The text with everything written out that a terminal would obey, as in Python: `\\x1b[2J`."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
