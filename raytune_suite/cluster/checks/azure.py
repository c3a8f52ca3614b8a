"""Checks of a file for Azure: the parameters of the template that Ray deploys, and the rules of Azure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from raytune_suite.cluster.checks import api_schema
from raytune_suite.cluster.checks.findings import finding
from raytune_suite.cluster.pools import as_count
from raytune_suite.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raytune_suite.cluster.checks.findings import Finding, Severity
    from raytune_suite.cluster.document import ClusterDocument, KeyPath

SET_BY_RAY = ("vmName", "vmTags", "vmCount", "provisionPublicIp", "msi", "nsg", "subnet", "zones")
"""Parameters of the template that Ray sets itself."""

RESERVED_USERS = (
    *("1", "123", "a", "actuser", "adm", "admin", "admin1", "admin2", "administrator", "aspnet", "backup", "console"),
    *("david", "guest", "john", "owner", "root", "server", "sql", "support", "support_388945a0", "sys", "test"),
    *("test1", "test2", "test3", "user", "user1", "user2", "user3", "user4", "user5", "video"),
)
"""Names that Azure rejects for the user of a machine (learn.microsoft.com, FAQ about Linux virtual machines)."""

NO_SPOT = re.compile(r"(?i)(Standard|Basic)_(B\d|A\d)|.*_Promo")
"""Sizes that are not offered as spot machines."""

SMALLEST_DISK, LARGEST_DISK = 64, 4095
"""GB; the container needs 15, and images with drivers have about 64. Azure allows no larger root disk."""

IMAGE = ("imagePublisher", "imageOffer", "imageSku", "imageVersion")
"""The parameters that name an image together."""

PUBLISHERS = ("microsoft-dsvm", "Canonical", "Debian", "RedHat", "SUSE", "almalinux", "resf", "nvidia", "microsoft-ads")
"""Usual publishers of images."""

GENERATION_2 = re.compile(r"(?i)_v[6-9]$|_H[12]00_v5$|_MI300X_v5$")
"""Sizes that only start from images of generation 2."""

GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def machine(document: ClusterDocument, node_config: KeyPath) -> Iterator[Finding]:
    """Yield contradictions in the parameters of the machine of a node type, whose node_config is at a key path."""
    where: KeyPath = (*node_config, "azure_arm_parameters")
    given = document.mapping(*where)
    if not given:
        return
    for key in SET_BY_RAY:
        if key in given:
            remedy = 'write `availability_zone: "1,2"`' if key == "zones" else "remove it"
            reason = f"`{key}` is set by Ray, so this value has no effect"
            yield finding(document, "RTS904", (*where, key), reason, remedy)
    if str(given.get("priority", "Regular")).lower() == "regular":
        yield from on_demand(document, where, given)
    else:
        yield from spot(document, where, given)
    disk = given.get("osDiskSize")
    if isinstance(disk, int) and not isinstance(disk, bool) and disk:
        if not 1 <= disk <= LARGEST_DISK:
            reason = f"`osDiskSize` is {disk}, but a root disk has at most {LARGEST_DISK} GB"
            yield finding(document, "RTS902", (*where, "osDiskSize"), reason, "write `osDiskSize: 200`")
        elif disk < SMALLEST_DISK:
            reason = f"the root disk has {disk} GB, but it cannot be smaller than its image, and the container needs 15"
            yield finding(document, "RTS911", (*where, "osDiskSize"), reason, "write `osDiskSize: 200`")
    yield from image(document, where, given)


def on_demand(document: ClusterDocument, where: KeyPath, given: dict[str, Any]) -> Iterator[Finding]:
    """Yield settings of spot machines that an on-demand machine has."""
    if given.get("billingProfile"):
        reason = "`billingProfile` is for spot machines, but `priority` is Regular"
        yield finding(document, "RTS905", (*where, "billingProfile"), reason, "add `priority: Spot`, or remove it")
    if "evictionPolicy" in given:
        reason = "`evictionPolicy` has no effect without `priority: Spot`"
        yield finding(document, "RTS905", (*where, "evictionPolicy"), reason, "remove it", severity="warning")


def spot(document: ClusterDocument, where: KeyPath, given: dict[str, Any]) -> Iterator[Finding]:
    """Yield mistakes in the settings of a spot machine."""
    size, billing = str(given.get("vmSize", "")), given.get("billingProfile")
    if NO_SPOT.match(size):
        reason = f"Azure offers no spot machines of the size {size}"
        yield finding(document, "RTS905", (*where, "priority"), reason, "use a size of another series, or remove it")
    if given.get("evictionPolicy") == "Deallocate":
        reason = "reclaimed machines stay as deallocated ones, whose disks cost money and count for the quota"
        remedy = "write `evictionPolicy: Delete`"
        yield finding(document, "RTS905", (*where, "evictionPolicy"), reason, remedy, severity="warning")
    price = billing.get("maxPrice") if isinstance(billing, dict) else None
    if isinstance(price, (int, float)) and price <= 0 and price != -1:
        reason = f"`maxPrice` is {price}, but must be US dollars per hour, or -1 for the on-demand price"
        yield finding(document, "RTS902", (*where, "billingProfile", "maxPrice"), reason, "write `maxPrice: -1`")


def image(document: ClusterDocument, where: KeyPath, given: dict[str, Any]) -> Iterator[Finding]:
    """Yield mistakes in the image of a machine."""
    lacking = [key for key in IMAGE if not given.get(key)]
    identifier = given.get("imageId")
    if identifier:
        if isinstance(identifier, str) and not re.match(
            r"(?i)/(subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/(images|galleries)|"
            r"CommunityGalleries|SharedGalleries)/",
            identifier,
        ):
            reason = f"`imageId` is {identifier!r}, but must be the resource ID of an image"
            remedy = "write `/subscriptions/.../providers/Microsoft.Compute/images/NAME`"
            yield finding(document, "RTS909", (*where, "imageId"), reason, remedy)
    elif lacking:
        yield finding(
            document, "RTS903", where, f"the image lacks `{'`, `'.join(lacking)}`", f"add `{lacking[0]}: ...`"
        )
    size, sku = str(given.get("vmSize", "")), f"{given.get('imageOffer', '')} {given.get('imageSku', '')}".lower()
    arm = re.match(r"(?i)Standard_[A-Z]+\d+(-\d+)?[a-z]*p[a-z]*(_|$)", size) is not None
    if arm and not identifier and not lacking and "arm64" not in sku:
        reason = f"{size} has an ARM processor, but the image is for x86"
        yield finding(document, "RTS907", where, reason, "use an image for arm64, or a size without `p`")
    elif not arm and "arm64" in sku and size:
        reason = f"the image is for ARM processors, but {size} has an x86 processor"
        yield finding(document, "RTS907", where, reason, "use an image for x64")
    if GENERATION_2.search(size) and re.search(r"gen1\b", sku):
        reason = f"{size} only starts from images of generation 2"
        yield finding(document, "RTS907", (*where, "imageSku"), reason, "use an `imageSku` of generation 2")
    if GENERATION_2.search(size) and given.get("imagePublisher") == "Canonical" and re.search(r"-lts$", sku):
        reason = f"{size} only starts from images of generation 2, and {given.get('imageSku')} is of generation 1"
        yield finding(
            document, "RTS907", (*where, "imageSku"), reason, f"write `imageSku: {given.get('imageSku')}-gen2`"
        )
    yield from unknown_publisher(document, (*where, "imagePublisher"), given.get("imagePublisher"))
    if "windows" in f"{given.get('imagePublisher', '')} {sku}".lower():
        reason = "the image is Windows, but Ray's cluster launcher only starts Linux machines"
        yield finding(document, "RTS907", where, reason, "use an image with Ubuntu")


def unknown_publisher(document: ClusterDocument, where: KeyPath, publisher: object) -> Iterator[Finding]:
    """Yield a publisher of images that resembles a usual one."""
    if not isinstance(publisher, str) or publisher.lower() in map(str.lower, PUBLISHERS):
        return
    similar = nearest(publisher, PUBLISHERS)
    if similar is not None:
        reason = f"there is no publisher {publisher!r} of images: did you mean {similar!r}?"
        yield finding(document, "RTS902", where, reason, f"write `imagePublisher: {similar}`", severity="warning")


def whole_file(document: ClusterDocument) -> Iterator[Finding]:
    """Yield names and identifiers that Azure rejects."""
    user = document.get("auth", "ssh_user")
    if isinstance(user, str) and user.lower() in RESERVED_USERS:
        reason = f"Azure does not allow the user name {user!r}"
        yield finding(document, "RTS609", ("auth", "ssh_user"), reason, "use another, such as `ssh_user: ubuntu`")
    elif isinstance(user, str) and user and not re.fullmatch(r"[a-z_][a-z0-9_-]{0,63}", user):
        reason = f"{user!r} cannot be the name of a Linux user"
        yield finding(document, "RTS609", ("auth", "ssh_user"), reason, "use lower-case letters, digits, - and _")
    group = document.get("provider", "resource_group")
    if isinstance(group, str) and group and not re.fullmatch(r"[\w().-]{0,89}[\w()-]", group):
        reason = f"{group!r} is not a name for a resource group"
        remedy = "use up to 90 letters, digits, underscores, hyphens, parentheses and periods"
        yield finding(document, "RTS609", ("provider", "resource_group"), reason, remedy)
    subscription = document.get("provider", "subscription_id")
    if isinstance(subscription, str) and not re.fullmatch(f"|{GUID}|.*{api_schema.PLACEHOLDER.pattern}", subscription):
        reason = f"`subscription_id` is {subscription!r}, but must be an ID, not a name"
        remedy = "write the `id` that `az account show` prints: 00000000-0000-0000-0000-000000000000"
        yield finding(document, "RTS609", ("provider", "subscription_id"), reason, remedy)
    name = document.get("cluster_name")
    if isinstance(name, str) and not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?", name):
        reason = f"{name!r} becomes part of the names of machines, which Azure rejects"
        yield finding(document, "RTS609", ("cluster_name",), reason, "use letters, digits and hyphens")
    mask = document.get("provider", "subnet_mask")
    if mask is not None and not re.fullmatch(r"\d+\.\d+\.\d+\.\d+/\d+", str(mask)):
        reason = f"`subnet_mask` is {mask!r}, but must be a range of addresses"
        yield finding(document, "RTS902", ("provider", "subnet_mask"), reason, f"write `subnet_mask: {range_of(mask)}`")
    yield from addresses(document, str(mask))
    for key in ("ssh_public_key",):
        value = document.get("auth", key)
        if isinstance(value, str) and value and not value.startswith("ssh-") and not value.endswith(".pub"):
            severity: Severity | None = None if value == document.get("auth", "ssh_private_key") else "warning"
            reason = f"`{key}` is {value!r}, which looks like the file of a private key"
            yield finding(document, "RTS601", ("auth", key), reason, f"write `{key}: {value}.pub`", severity=severity)
        if isinstance(value, str) and value.startswith("ssh-"):
            reason = f"`{key}` is a key itself, but Ray expects the path of its file"
            yield finding(document, "RTS601", ("auth", key), reason, f"write `{key}: ~/.ssh/id_rsa.pub`")


def addresses(document: ClusterDocument, mask: str) -> Iterator[Finding]:
    """Yield a subnet with fewer addresses than machines; Azure keeps five of each."""
    match = re.fullmatch(r"\d+\.\d+\.\d+\.\d+/(\d+)", mask)
    if match is None or int(match[1]) > 32:  # noqa: PLR2004 - bits of an address
        return
    most, machines = 2 ** (32 - int(match[1])) - 5, as_count(document.get("max_workers"), 2) + 1
    if most < machines:
        reason = f"`subnet_mask` {mask} has {max(most, 0)} addresses for machines, but there may be {machines}"
        yield finding(document, "RTS902", ("provider", "subnet_mask"), reason, "write, for example, 10.1.0.0/16")


def range_of(mask: object) -> str:
    """Return a range of addresses for what is written instead of one."""
    return f"{mask}/16" if re.fullmatch(r"\d+\.\d+\.0\.0", str(mask)) else "10.1.0.0/16"
