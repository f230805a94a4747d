"""What a process is told by its environment: every setting is `ONEFOLD_` and the field's name in capitals."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from onefold.core.networks import Networks

HSTS = "max-age=63072000; includeSubDomains"
"""What answers say where the service is reached over https: browsers use nothing else for two years (RFC 6797)."""


class Settings(BaseSettings):
    """Settings of one process. Those of an organization are in the database (`/v1/settings`)."""

    model_config = SettingsConfigDict(env_prefix="ONEFOLD_", env_file=".env", extra="ignore")

    database_url: str = Field("sqlite:///onefold.db", description="A SQLite file or a PostgreSQL database.")
    postgres_superuser: bool = Field(
        False, description="It is served although the database's role passes by row-level security; for trying out."
    )
    sqlite_synchronous: Literal["FULL", "NORMAL"] = Field(
        "FULL", description="FULL keeps every acknowledged contact through a power cut; NORMAL is faster."
    )
    secret_key_file: str = Field(
        "",
        description="The key that secrets in the database are sealed by; every process needs the same. By default "
        "beside the SQLite file, else onefold.key where the process works; made where there is none.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, description="Port to listen on.")
    trusted_proxies: str = Field(
        "",
        description="Networks of the proxies before this service, by commas (10.0.0.0/8, ::1): of what comes from them "
        "X-Forwarded-For and X-Forwarded-Proto count, of everything else nothing.",
    )
    public_url: str = Field("", description="The address others reach this service at; Twilio signs it.")
    metrics_token: str = Field("", description="What /metrics asks for (Authorization: Bearer); empty: no metrics.")
    requests_a_minute: int = Field(60_000, ge=1, description="Requests that one API key may make in a minute.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    audit_heads_file: str = Field(
        "", description="A file, best on another machine, that the audit logs' heads are appended to every hour."
    )
    audit_signing_key: str = Field("", description="An Ed25519 private key (PEM) that those heads are signed by.")
    unsigned_webhooks: bool = Field(
        False, description="Twilio's and Meta's webhooks count without a signature; for trying out."
    )
    twilio_auth_token: str = Field("", description="Twilio's requests carry a signature by it.")
    meta_app_secret: str = Field("", description="Meta's requests carry a signature by it.")
    meta_verify_token: str = Field("", description="The verify token of Meta's webhook, for its handshake.")
    twilio_lookup_account: str = Field("", description="Account SID for line-type lookups (RES-6); empty: none.")
    twilio_lookup_token: str = Field("", description="Auth token for line-type lookups.")
    twilio_lookup_url: str = "https://lookups.twilio.com"
    oidc_issuer: str = Field("", description="Agents may sign in by this OpenID Connect provider; empty: none.")
    oidc_client_id: str = Field("", description="As the provider knows this service.")
    oidc_client_secret: str = Field("", description="What proves it; empty for a client the provider calls public.")
    oidc_label: str = Field("Single sign-on", description="What the button says.")
    webhooks_allow_private: bool = Field(
        False, description="Webhooks may go to private networks, and over plain http; for a machine of one's own."
    )
    largest_body: int = Field(26_214_400, description="Bytes; larger requests are refused.")
    group_largest: int = Field(256, description="Contacts that share one transaction at the most.")

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, given: str) -> str:
        Networks(_split(given))
        return given

    @property
    def is_https(self) -> bool:
        """Whether others reach this service over https."""
        return self.public_url.startswith("https://")

    @property
    def proxies(self) -> list[str]:
        """The networks of the proxies, one by one."""
        return _split(self.trusted_proxies)


def _split(given: str) -> list[str]:
    """What stands between commas, without what is empty."""
    return [one.strip() for one in given.split(",") if one.strip()]
