"""Text files of the user's: read whole, with one clear error if that is not possible."""

import hashlib
import os


def read_text(path):
    """Text and SHA-256 of a file.

    Raises
    ------
    ValueError
        If it cannot be read, or is no text: file, reason, and where it was looked for.
    """
    path = os.fspath(path)
    try:
        with open(path, "rb") as file:
            content = file.read()
        return content.decode("utf-8-sig"), hashlib.sha256(content).hexdigest()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); looked in {os.getcwd()}") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}:{line}: byte {content[error.start]:#x} is no text: expected UTF-8") from None
