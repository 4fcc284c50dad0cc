"""What macOS is told of Undertext: the values of its Info.plist. `undertext.spec` gives them to PyInstaller."""

from pathlib import Path

NAME = "Undertext.app"
IDENTIFIER = "org.undertext.Undertext"
ENTITLEMENTS = Path(__file__).with_name("undertext.entitlements")
# The least version for which the locked wheels of PyAV, NumPy and ONNX Runtime are made (their names say it).
LEAST_MACOS = "14.0"


def info(version: str) -> dict[str, str | bool]:
    """Return what PyInstaller does not know by itself.

    Args:
        version: Of Undertext.
    """
    return {
        "CFBundleVersion": version,
        "CFBundleDevelopmentRegion": "en",
        "LSApplicationCategoryType": "public.app-category.utilities",
        # PyInstaller's loader for windows puts every process into the Dock, the decoder of a recording as well. So it
        # is the one for terminals, of which PyInstaller would say here that it has no windows.
        "LSBackgroundOnly": False,
        "LSMinimumSystemVersion": LEAST_MACOS,
        "NSHighResolutionCapable": True,
        "NSHumanReadableCopyright": "MIT licence, The Undertext authors",
        # macOS shows these sentences where it asks for leave; without them it ends the program instead.
        "NSMicrophoneUsageDescription": "Undertext captions what the microphone hears. Nothing leaves this Mac.",
        "NSAudioCaptureUsageDescription": "Undertext captions what this Mac plays. Nothing leaves it.",
    }
