"""The rules of custody said once more, plainly and by themselves: what the ledger must answer, and what must follow.

Nothing here is taken from the domain. Each act returns the codes of which a refusal must carry one; none means that the
act must succeed, and then the model has carried it out.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

DAY = timedelta(days=1)
Codes = set[str]


@dataclass(frozen=True)
class Party:
    """Who acts: its name, whether it is a person, and what its roles allow."""

    name: str
    person: bool
    may: frozenset[str]
    reads_private: bool


@dataclass
class ModelFile:
    """One file."""

    owner: str
    size: int
    temporary: bool
    upload_until: datetime
    status: str = "initiated"
    had_content: bool = False
    cleared: bool = False
    expiry_set: bool = False
    access: str = "private"
    expires: datetime | None = None
    holds: dict[str, str] = field(default_factory=dict)
    retained_until: datetime | None = None
    mode: str = ""
    wish: tuple[datetime, str] | None = None
    purge_by: str | None = None

    @property
    def counted(self) -> bool:
        """Whether its bytes count."""
        return self.status != "purged" and not self.cleared

    @property
    def has_object(self) -> bool:
        """Whether the store holds its bytes."""
        return self.had_content and self.status != "purged"

    def retained(self, now: datetime) -> bool:
        """Whether its retention runs."""
        return self.retained_until is not None and now < self.retained_until


class Model:
    """A workspace and its files."""

    def __init__(self, now: datetime, *, max_bytes: int, max_files: int) -> None:
        """Begin with no files."""
        self.now = now
        self.max_bytes, self.max_files = max_bytes, max_files
        self._four_eyes = True
        self._off_from: datetime | None = None
        self.files: list[ModelFile] = []

    @property
    def used(self) -> tuple[int, int]:
        """Bytes and files that count."""
        counted = [file.size for file in self.files if file.counted]
        return sum(counted), len(counted)

    @property
    def four_eyes(self) -> bool:
        """Whether a purge that is requested now takes a second person."""
        return self._four_eyes and (self._off_from is None or self.now < self._off_from)

    def set_policy(self, four_eyes: bool) -> None:
        """Switch on at once, or off by two persons, a day later."""
        if four_eyes:
            self._four_eyes, self._off_from = True, None
        else:
            self._off_from = self._off_from or self.now + DAY

    # -- uploads -------------------------------------------------------------------------------------------

    def initiate(self, by: Party, size: int, *, temporary: bool) -> Codes:
        """Reserve space."""
        used_bytes, used_files = self.used
        if codes := _forbidden(by, "initiate"):
            return codes
        if (size and used_bytes + size > self.max_bytes) or used_files + 1 > self.max_files:
            return {"quota-exceeded"}
        self.files.append(ModelFile(by.name, size, temporary, self.now + DAY))
        return set()

    def upload(self, by: Party, file: ModelFile, *, right: bool) -> Codes:
        """Bring the bytes, the declared ones or others."""
        if codes := _barred(by, "upload", file) or _unless(file.status == "initiated"):
            return codes
        if not right:
            return {"content-mismatch"}
        file.status, file.had_content = "stored", True
        if not file.expiry_set:
            file.expires = self.now + DAY if file.temporary else None
        return set()

    def abort(self, by: Party, file: ModelFile) -> Codes:
        """Give the upload up."""
        if file.status == "aborted":  # whoever asks again may not have heard the answer
            return _barred(by, "abort", file)
        codes = _barred(by, "abort", file) or _unless(file.status == "initiated") | _held(file)
        if not codes:
            file.status, file.cleared = "aborted", True
        return codes

    # -- life ----------------------------------------------------------------------------------------------

    def read(self, by: Party, file: ModelFile) -> Codes:
        """Take the content."""
        if codes := _forbidden(by, "read"):
            return codes
        if file.status != "stored":
            return {"wrong-state"} if file.status in {"initiated", "aborted"} else {"gone"}
        return {"forbidden"} if file.access == "private" and by.name != file.owner and not by.reads_private else set()

    def soft_delete(self, by: Party, file: ModelFile) -> Codes:
        """Delete softly."""
        codes = _barred(by, "delete", file) or _held(file) | _unless(file.status == "stored")
        if not codes:
            file.status = "soft_deleted"
        return codes

    def restore(self, by: Party, file: ModelFile) -> Codes:
        """Bring back; a requested purge is off."""
        gone = file.status in {"soft_deleted", "expired"} and file.had_content
        codes = _barred(by, "restore", file) or _unless(gone)
        if not codes:
            over = file.status == "expired" or (file.expires is not None and file.expires <= self.now)
            file.expires = None if over else file.expires
            file.status, file.purge_by = "stored", None
        return codes

    def change(self, by: Party, file: ModelFile, access: str | None, expires: datetime | None) -> Codes:
        """Change the access level and, where a time is given, the expiry: both or none."""
        codes = _barred(by, "change", file) or _unless(not self._ended(file))
        if not codes and access == "public" != file.access:
            codes |= _held(file)
        if not codes and access == "public" != file.access:
            codes = {"invalid-input"}  # nothing is offered to everybody yet
        if not codes and expires is not None and expires != file.expires and expires <= self.now:
            codes.add("invalid-input")
        if not codes:
            file.access = access or file.access
            file.expiry_set = file.expiry_set or (expires is not None and expires != file.expires)
            file.expires = expires or file.expires
        return codes

    def retain(self, by: Party, file: ModelFile, until: datetime, mode: str) -> Codes:
        """Set a retention, lengthen it, or wish to shorten it."""
        codes = _forbidden(by, "retain") or _unless(not self._ended(file) and file.had_content)
        if not codes and until <= self.now:
            codes = {"invalid-input"}
        if codes:
            return codes
        assert until is not None
        if file.retained_until is not None and file.retained(self.now):
            weaker = mode == "governance" and file.mode == "compliance"
            if until < file.retained_until or weaker:
                return self._shorten(by, file, until, mode)
        file.retained_until, file.mode, file.wish = until, mode, None
        return set()

    def _shorten(self, by: Party, file: ModelFile, until: datetime, mode: str) -> Codes:
        if file.mode == "compliance":
            return {"retained"}
        if mode == "compliance":
            return {"invalid-input"}
        if not by.person or file.wish == (until, by.name):
            return {"second-person-required"}
        if file.wish is not None and file.wish[0] == until:
            file.retained_until, file.wish = until, None
        else:
            file.wish = (until, by.name)
        return set()

    def hold(self, by: Party, file: ModelFile, hold: str | None) -> Codes:
        """Place a hold of the id that the ledger gave; a requested purge is off."""
        given_up = file.status in {"aborted", "expired"} and not file.had_content
        codes = _forbidden(by, "hold") or _unless(file.status != "purged" and not given_up)
        if not codes:
            assert hold is not None
            file.holds[hold] = by.name
            file.purge_by = None
        return codes

    def release(self, by: Party, file: ModelFile, hold: str) -> Codes:
        """End a hold."""
        if codes := _forbidden(by, "release"):
            return codes
        if hold not in file.holds:
            return {"not-found"}
        if not by.person or file.holds[hold] == by.name:
            return {"second-person-required"}
        del file.holds[hold]
        return set()

    def erase(self, by: Party, file: ModelFile) -> Codes:
        """Erase personal data."""
        return _forbidden(by, "erase") or _held(file)

    # -- purge ---------------------------------------------------------------------------------------------

    def request_purge(self, by: Party, file: ModelFile) -> Codes:
        """Ask for the purge; without four eyes it is done."""
        asked = file.status in {"soft_deleted", "expired"} and file.had_content and file.purge_by is None
        codes = _barred(by, "request", file) or _unless(asked) | _held(file) | self._kept(file)
        if not codes:
            file.purge_by = by.name
            if not self.four_eyes:
                self._destroy(file)
        return codes

    def approve_purge(self, by: Party, file: ModelFile) -> Codes:
        """Agree, and have it done."""
        codes = self._decide(by, file)
        if not codes and not (codes := self._kept(file)):
            self._destroy(file)
        return codes

    def reject_purge(self, by: Party, file: ModelFile) -> Codes:
        """Disagree."""
        codes = self._decide(by, file)
        if not codes:
            file.purge_by = None
        return codes

    def withdraw_purge(self, by: Party, file: ModelFile) -> Codes:
        """Take it back."""
        codes = _barred(by, "request", file) or _unless(file.purge_by is not None)
        if not codes:
            file.purge_by = None
        return codes

    def _decide(self, by: Party, file: ModelFile) -> Codes:
        if codes := _forbidden(by, "approve") or _unless(file.purge_by is not None):
            return codes
        return {"second-person-required"} if not by.person or by.name == file.purge_by else set()

    @staticmethod
    def _destroy(file: ModelFile) -> None:
        assert not file.holds, "held, and yet purged"
        file.status, file.purge_by = "purged", None

    # -- time ----------------------------------------------------------------------------------------------

    def settle(self, file: ModelFile) -> None:
        """Do what is due."""
        if file.holds:
            return
        if file.status == "initiated" and self.now >= file.upload_until:
            file.status, file.cleared = "expired", True
        over = file.expires is not None and self.now >= file.expires
        if file.status == "stored" and over and not file.retained(self.now):
            file.status = "expired"

    def _kept(self, file: ModelFile) -> Codes:
        return {"retained"} if file.retained(self.now) else set()

    @staticmethod
    def _ended(file: ModelFile) -> bool:
        return file.status == "purged" or file.cleared


def _forbidden(by: Party, act: str) -> Codes:
    return set() if act in by.may else {"forbidden"}


def _barred(by: Party, act: str, file: ModelFile) -> Codes:
    """Refuse what changes a private file of somebody else."""
    mine = file.access != "private" or by.name == file.owner or by.reads_private
    return _forbidden(by, act) if mine else {"forbidden"}


def _unless(allowed: bool) -> Codes:
    return set() if allowed else {"wrong-state"}


def _held(file: ModelFile) -> Codes:
    return {"legal-hold"} if file.holds else set()
