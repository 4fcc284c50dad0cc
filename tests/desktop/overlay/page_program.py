"""A window to lie below the overlay: white, says every click that reaches it; `full` fills the screen, focused."""

import sys

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget


class Page(QWidget):
    def mousePressEvent(self, event):
        print(f"click {event.button().name}", flush=True)

    def paintEvent(self, event):
        super().paintEvent(event)
        print("painted", flush=True)


app = QApplication(sys.argv[:1])
page = Page()
page.setStyleSheet("background: white")
page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
if "full" in sys.argv:
    page.showFullScreen()
else:
    page.setWindowFlag(Qt.WindowType.FramelessWindowHint)
    page.setGeometry(page.screen().geometry())
    page.show()
page.activateWindow()
app.exec()
