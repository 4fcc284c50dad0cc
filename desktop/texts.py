"""Every sentence of the windows, in one place.

`QT_TRANSLATE_NOOP` marks a sentence for `lupdate`; `tr` gives it in the language that is installed, and fills
its fields in. English is the source: without a translation it is what is shown.
"""

from PySide6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication

_CONTEXT = "undertext"


def tr(text: object, **fields: object) -> str:
    """Return a sentence of this file in the user's language, with its fields filled in.

    Args:
        text: One of the names below; Qt's stubs call what `QT_TRANSLATE_NOOP` returns an object, it is the sentence.
        fields: What stands in braces in it.
    """
    return QCoreApplication.translate(_CONTEXT, str(text)).format(**fields)


APP_NAME = "Undertext"

# Sources
LISTEN_TO = QT_TRANSLATE_NOOP("undertext", "Listen to")
SYSTEM_DEFAULT = QT_TRANSLATE_NOOP("undertext", "What this computer plays")
SYSTEM_OF = QT_TRANSLATE_NOOP("undertext", "What {name} plays")
MICROPHONE_DEFAULT = QT_TRANSLATE_NOOP("undertext", "Microphone")
MICROPHONE_OF = QT_TRANSLATE_NOOP("undertext", "Microphone: {name}")
DEMO_CLIP = QT_TRANSLATE_NOOP("undertext", "Built-in demo clip")

# Commands
START = QT_TRANSLATE_NOOP("undertext", "Start")
PAUSE = QT_TRANSLATE_NOOP("undertext", "Pause")
RESUME = QT_TRANSLATE_NOOP("undertext", "Resume")
STOP = QT_TRANSLATE_NOOP("undertext", "Stop")
QUIT = QT_TRANSLATE_NOOP("undertext", "Quit")
SHOW_WINDOW = QT_TRANSLATE_NOOP("undertext", "Open Undertext")
TRANSCRIPT = QT_TRANSLATE_NOOP("undertext", "Transcript")
SHOW_OVERLAY = QT_TRANSLATE_NOOP("undertext", "Captions on the screen")
CLICK_THROUGH = QT_TRANSLATE_NOOP("undertext", "Clicks pass through")
CLICK_THROUGH_TIP = QT_TRANSLATE_NOOP(
    "undertext",
    "On: the mouse reaches what lies below the captions. Off: drag them, or drag an edge to resize.",
)
SHOW_OVERLAY_TIP = QT_TRANSLATE_NOOP("undertext", "Two lines that stay above every other window.")
LARGER = QT_TRANSLATE_NOOP("undertext", "Larger text")
SMALLER = QT_TRANSLATE_NOOP("undertext", "Smaller text")
RESET_PLACE = QT_TRANSLATE_NOOP("undertext", "Back to the bottom of the screen")
HIDE_OVERLAY = QT_TRANSLATE_NOOP("undertext", "Hide captions")
DISMISS = QT_TRANSLATE_NOOP("undertext", "Dismiss")

# The overlay
OVERLAY_NAME = QT_TRANSLATE_NOOP("undertext", "Captions")
OVERLAY_EMPTY = QT_TRANSLATE_NOOP("undertext", "Captions appear here")

# The state line
STATE_IDLE = QT_TRANSLATE_NOOP("undertext", "Ready")
STATE_LOADING = QT_TRANSLATE_NOOP("undertext", "Loading the model …")
STATE_LISTENING = QT_TRANSLATE_NOOP("undertext", "Listening")
BEHIND = QT_TRANSLATE_NOOP("undertext", "{lag_s:.1f} s behind")
LEVEL_GREEDY = QT_TRANSLATE_NOOP("undertext", "This computer is busy: captions are a little less exact.")
LEVEL_SLOWER = QT_TRANSLATE_NOOP("undertext", "This computer is slow: captions come less often.")
LEVEL_LIGHTER = QT_TRANSLATE_NOOP("undertext", "This computer is slow: a smaller model listens.")
LEVEL_SKIPPED = QT_TRANSLATE_NOOP("undertext", "{skipped_s:.0f} s were left out.")
FALLBACK = QT_TRANSLATE_NOOP("undertext", "Captions come from {fallback}.")
STATE_PAUSED = QT_TRANSLATE_NOOP("undertext", "Paused")
STATE_RECOVERING = QT_TRANSLATE_NOOP("undertext", "The sound is gone; waiting for it …")
STATE_STOPPING = QT_TRANSLATE_NOOP("undertext", "Finishing the last words …")
STATE_FAILED = QT_TRANSLATE_NOOP("undertext", "Stopped by a fault")
LEVEL = QT_TRANSLATE_NOOP("undertext", "Sound level")
MODEL = QT_TRANSLATE_NOOP("undertext", "Model")
MODEL_ON_GPU = QT_TRANSLATE_NOOP("undertext", "{model} · GPU")
COMPUTE = QT_TRANSLATE_NOOP("undertext", "Compute on")
COMPUTE_AUTO = QT_TRANSLATE_NOOP("undertext", "The graphics card, if it can")
COMPUTE_CPU = QT_TRANSLATE_NOOP("undertext", "The processor")
COMPUTE_CUDA = QT_TRANSLATE_NOOP("undertext", "The graphics card only")
MODEL_TIP = QT_TRANSLATE_NOOP("undertext", "The model that listens, its language, and your names and terms")
MODEL_BEST = QT_TRANSLATE_NOOP("undertext", "The best that is here")
LANGUAGE = QT_TRANSLATE_NOOP("undertext", "Language")
LANGUAGE_HEARD = QT_TRANSLATE_NOOP("undertext", "auto: {language}")
LANGUAGE_AUTO = QT_TRANSLATE_NOOP("undertext", "As it is heard")
TRANSLATE = QT_TRANSLATE_NOOP("undertext", "Translate into English")
TRANSLATE_NOT = QT_TRANSLATE_NOOP(
    "undertext", "{model} writes only what it hears. Choose a multilingual model, such as base."
)
TRANSLATE_NONE = QT_TRANSLATE_NOOP("undertext", "This takes a multilingual model, such as base; none is here.")
VOCABULARY_WANTED = QT_TRANSLATE_NOOP("undertext", "Names and terms …")
VOCABULARY = QT_TRANSLATE_NOOP("undertext", "Names and terms")
VOCABULARY_HELP = QT_TRANSLATE_NOOP(
    "undertext", "One a line, spelt as it should be read. Captions then write it so when they hear it. Some thirty fit."
)
VOCABULARY_EXAMPLE = QT_TRANSLATE_NOOP("undertext", "Aoife Byrne\nComfyUI\nPostgreSQL")
SAVE = QT_TRANSLATE_NOOP("undertext", "Save")
CANCEL = QT_TRANSLATE_NOOP("undertext", "Cancel")
MODEL_NONE = QT_TRANSLATE_NOOP("undertext", "none yet")

# Newer versions
ABOUT = QT_TRANSLATE_NOOP("undertext", "About Undertext")
ABOUT_VERSION = QT_TRANSLATE_NOOP("undertext", "Undertext {version}")
LOOK_FOR_UPDATES = QT_TRANSLATE_NOOP("undertext", "Look for a newer version once a day")
LOOK_FOR_UPDATES_TIP = QT_TRANSLATE_NOOP(
    "undertext",
    "From the next start on. Whoever publishes it sees your internet address ask, and nothing else of you or of this "
    "computer. Nothing is fetched.",
)
LOOK_FOR_UPDATES_NOT = QT_TRANSLATE_NOOP("undertext", "This Undertext knows no address to ask.")
UPDATE_FOUND = QT_TRANSLATE_NOOP("undertext", "Undertext {version} is there.")
UPDATE_PAGE = QT_TRANSLATE_NOOP("undertext", "Get it …")

# When something is missing
NO_DEVICE = QT_TRANSLATE_NOOP(
    "undertext",
    "No sound device was found. Plug one in, or see that the sound server runs: the list follows by itself. "
    "In a terminal, “undertext doctor” names the exact fault.",
)

# The transcript
TRANSCRIPT_TITLE = QT_TRANSLATE_NOOP("undertext", "Transcript")
TRANSCRIPT_EMPTY = QT_TRANSLATE_NOOP("undertext", "What is said appears here as soon as it is final.")
FIND = QT_TRANSLATE_NOOP("undertext", "Find")
FIND_COUNT = QT_TRANSLATE_NOOP("undertext", "{index} of {count}")
FIND_NONE = QT_TRANSLATE_NOOP("undertext", "not found")
FIND_NEXT = QT_TRANSLATE_NOOP("undertext", "Next")
FIND_PREVIOUS = QT_TRANSLATE_NOOP("undertext", "Previous")
COPY = QT_TRANSLATE_NOOP("undertext", "Copy")
EXPORT = QT_TRANSLATE_NOOP("undertext", "Export")
EXPORT_AS = QT_TRANSLATE_NOOP("undertext", "Export as {format} …")
EXPORTED = QT_TRANSLATE_NOOP("undertext", "Saved as {name}")
NOBODY_SPOKE = QT_TRANSLATE_NOOP("undertext", "(nobody spoke)")
CORRECT_TIP = QT_TRANSLATE_NOOP("undertext", "Double-click, or F2, to correct what was heard wrong; Enter saves it.")
KEEP_SOUND = QT_TRANSLATE_NOOP("undertext", "Keep the sound as well")
KEEP_SOUND_HELP = QT_TRANSLATE_NOOP(
    "undertext", "From the next start on. It stays on this computer, and is deleted with its transcript."
)
KEEP_SOUND_TIP = QT_TRANSLATE_NOOP(
    "undertext",
    "“undertext adapt --corrections” learns from it, and from what you correct here. What is translated is not kept.",
)
TO_END = QT_TRANSLATE_NOOP("undertext", "To the newest words")
GAP = QT_TRANSLATE_NOOP("undertext", "{duration_s:.1f} s without captions: {reason}")

# Faults
CRASH_TITLE = QT_TRANSLATE_NOOP("undertext", "Something went wrong in Undertext")
CRASH_BODY = QT_TRANSLATE_NOOP(
    "undertext",
    "{kind}, in {place}. Captions go on where they can. What happened is in {log}; no words that were said are in it.",
)
SETTINGS_BROKEN = QT_TRANSLATE_NOOP("undertext", "The settings file could not be read")
SETTINGS_ASIDE = QT_TRANSLATE_NOOP("undertext", "It was set aside as {name}; {instead} are used.")
SETTINGS_BACKUP = QT_TRANSLATE_NOOP("undertext", "the settings before the last change")
SETTINGS_DEFAULT = QT_TRANSLATE_NOOP("undertext", "the first settings")
