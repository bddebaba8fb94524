"""Files that others have made: opened only if they are files, read only if they are no larger than such files are.

A pipe would wait for ever, a device does not end, and a file may claim more than the machine has.
"""

import hashlib
import os
import stat

LARGEST_TEXT = 2**25
"""Bytes: half a million lines."""

_MOST_PROBLEMS = 20


def user_path(path):
    """The path as text, `~` written out."""
    return os.path.expanduser(os.fspath(path))


def open_user_file(path, largest):
    """A regular file of at most `largest` bytes, opened for reading bytes; never waits.

    Raises
    ------
    ValueError
        If it is none: file, reason, and where it was looked for or what would be accepted.
    """
    try:
        file = open(user_path(path), "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{path}: cannot be read ({reason}); looked in {os.getcwd()}") from None
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_size <= largest:
        return file
    file.close()
    if stat.S_ISREG(found.st_mode):
        raise ValueError(f"{path}: has {found.st_size / 1e6:.0f} MB: expected at most {largest / 1e6:.0f} MB")
    raise ValueError(f"{path}: is a pipe or a device: expected a file")


def read_text(path):
    """Text and SHA-256 of a file.

    Raises
    ------
    ValueError
        If it cannot be read, or is no text: file, reason, and where it was looked for.
    """
    try:
        with open_user_file(path, LARGEST_TEXT) as file:
            content = file.read()
        return content.decode("utf-8-sig"), hashlib.sha256(content).hexdigest()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}:{line}: byte {content[error.start]:#x} is no text: expected UTF-8") from None


def refuse(path, problems):
    """Raise a ValueError with what is wrong with a text file, if anything: a list of (line, text)."""
    lines = [f"{path}:{line}: {what}" for line, what in sorted(problems)]
    if len(lines) > _MOST_PROBLEMS:
        lines[_MOST_PROBLEMS:] = [f"{path}: and {len(lines) - _MOST_PROBLEMS} more of this kind"]
    if lines:
        raise ValueError("\n".join(lines))
