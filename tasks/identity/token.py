"""Access tokens by client credentials (RFC 6749 4.4), kept in memory for one round and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass

from spine.errors import Broken, Refused
from tasks.identity.api import Api


@dataclass(slots=True)
class ClientToken:
    """Opens an API with a bearer token, fetched when it is first needed, and anew when it is refused."""

    api: Api
    path: str
    form: Mapping[str, str]
    _token: str = ""

    def __call__(self, again: bool) -> Mapping[str, str]:
        """The headers."""
        if again or not self._token:
            self._token = self._fetch()
        return {"Authorization": f"Bearer {self._token}"}

    def _fetch(self) -> str:
        form = {"grant_type": "client_credentials", **self.form}
        try:
            answer = self.api.call("POST", self.path, to="issue a token to our client", form=form, anonymous=True)
        except Refused as error:
            raise Broken(f"{error}. Check {self.api.credential}: client_id, client_secret and url") from error
        said = answer.json()
        token = said.get("access_token") if isinstance(said, dict) else None
        if not isinstance(token, str) or not token:
            raise Broken(f"{self.api.title} issued no access token; check {self.api.credential}")
        return token
