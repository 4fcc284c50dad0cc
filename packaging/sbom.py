"""The bill of materials of the frozen program or the GPU pack, as CycloneDX has it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component as Listed
from cyclonedx.model.component import ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from origins import Component
from packageurl import PackageURL


def write(components: Iterable[Component], version: str, epoch_s: int, path: Path, name: str = "Undertext") -> None:
    """Write it; the same components give the same bytes.

    Args:
        components: All of them.
        version: Of Undertext.
        epoch_s: When the source was committed.
        path: The file.
        name: Of what is made of them.

    Raises:
        ValueError: The file would be no valid CycloneDX 1.6.
    """
    whole = Listed(name=name, version=version, type=ComponentType.APPLICATION, bom_ref="undertext")
    bom = Bom(components=[_listed(one) for one in components if one.name != "Undertext"])
    bom.metadata.component = whole
    bom.metadata.timestamp = datetime.fromtimestamp(epoch_s, UTC)
    bom.register_dependency(whole, bom.components)
    named = "\n".join(f"{one.name} {one.version}" for one in sorted(bom.components))
    bom.serial_number = UUID(bytes=sha256(named.encode()).digest()[:16], version=5)
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"{path.name} would be no CycloneDX: {wrong}")
    path.write_text(text + "\n", encoding="utf-8")


def _listed(one: Component) -> Listed:
    kind = ComponentType.MACHINE_LEARNING_MODEL if one.name.startswith("the model ") else ComponentType.LIBRARY
    return Listed(
        name=one.name,
        version=one.version,
        type=kind,
        bom_ref=f"{one.name} {one.version}",
        purl=PackageURL.from_string(one.purl) if one.purl else None,
        licenses=[LicenseFactory().make_from_string(one.licence)],
    )
