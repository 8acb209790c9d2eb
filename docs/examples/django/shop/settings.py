"""Settings of the shop. What differs from place to place comes from the environment."""

import os
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = os.environ.get("DEBUG") == "1"
SECRET_KEY = os.environ.get("SECRET_KEY", "")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured("set SECRET_KEY, or DEBUG=1 on your own machine")
    SECRET_KEY = "only-for-your-own-machine"
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost 127.0.0.1").split()

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "bookings",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
STATIC_URL = "static/"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# SQLite, or what DATABASE_URL names: postgres://user:password@host:5432/name
database_url = os.environ.get("DATABASE_URL") or f"sqlite:///{BASE_DIR / 'db.sqlite3'}"
DATABASES = {"default": dj_database_url.parse(database_url)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Writers wait for each other instead of failing, and readers do not wait.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL",
    }

# Where the service's HTTP API is: its output ApiUrl, or http://127.0.0.1:3000. Empty: bookings get no timers.
BOOKING_EXPIRY_URL = os.environ.get("BOOKING_EXPIRY_URL", "").rstrip("/")
# How calls are signed: "" on one machine, "sigv4" by AWS credentials, "jwt" by a token of an identity provider.
BOOKING_EXPIRY_AUTH = os.environ.get("BOOKING_EXPIRY_AUTH", "")
# For sigv4: the service's region. Credentials come from where the AWS SDK looks for them.
BOOKING_EXPIRY_REGION = os.environ.get("BOOKING_EXPIRY_REGION", "")
# For jwt: the identity provider's token endpoint, and a client that may get the scope.
BOOKING_EXPIRY_TOKEN_URL = os.environ.get("BOOKING_EXPIRY_TOKEN_URL", "")
BOOKING_EXPIRY_CLIENT_ID = os.environ.get("BOOKING_EXPIRY_CLIENT_ID", "")
BOOKING_EXPIRY_CLIENT_SECRET = os.environ.get("BOOKING_EXPIRY_CLIENT_SECRET", "")
BOOKING_EXPIRY_SCOPE = os.environ.get("BOOKING_EXPIRY_SCOPE", "")
# A request of a customer never waits longer than this for the service.
BOOKING_EXPIRY_TIMEOUT_SECONDS = 2.0
# What the service signs its webhooks with: whsec_…
BOOKING_EXPIRY_WEBHOOK_SECRET = os.environ.get("BOOKING_EXPIRY_WEBHOOK_SECRET", "")
