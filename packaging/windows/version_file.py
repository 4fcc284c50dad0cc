"""What Windows is told of a program in the file itself: its name, its version, whose it is."""

import re

PUBLISHER = "The Undertext authors"
COPYRIGHT = "The Undertext authors, under the MIT licence"
LANGUAGE, LETTERS = 0x409, 1200  # English of the United States, Unicode


def numbers(version: str) -> tuple[int, int, int, int]:
    """Return a version as the four numbers that Windows compares; what is no number (rc1, .dev2) is left out."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    parts = [int(part) for part in found[0].split(".")][:4] if found else []
    major, minor, patch, build = parts + [0] * (4 - len(parts))
    return major, minor, patch, build


def version_file(name: str, description: str, version: str) -> str:
    """Return the text that PyInstaller reads as the version of an executable.

    Args:
        name: Of the file.
        description: What the task manager calls the program.
        version: As people say it.
    """
    told = {
        "CompanyName": PUBLISHER,
        "FileDescription": description,
        "FileVersion": version,
        "InternalName": "Undertext",
        "LegalCopyright": COPYRIGHT,
        "OriginalFilename": name,
        "ProductName": "Undertext",
        "ProductVersion": version,
    }
    rows = ", ".join(f"StringStruct({key!r}, {value!r})" for key, value in told.items())
    # A mask of no flags, Windows NT, a program.
    fixed = f"filevers={numbers(version)}, prodvers={numbers(version)}, mask=0x3f, flags=0, OS=0x40004, fileType=1"
    return (
        f"VSVersionInfo(ffi=FixedFileInfo({fixed}, subtype=0, date=(0, 0)), kids=["
        f"StringFileInfo([StringTable('{LANGUAGE:04x}{LETTERS:04x}', [{rows}])]), "
        f"VarFileInfo([VarStruct('Translation', [{LANGUAGE}, {LETTERS}])])])\n"
    )
