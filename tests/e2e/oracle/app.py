"""A task API in Django as many are: no monitoring in it, and careless with what people tell it.

It registers people and logs what they typed, crashes with a stack trace when an order is wrong, is slow on
demand, and keeps tasks in PostgreSQL behind a cache in Redis. Nothing in here knows of tamis; all
configuration comes from the environment:

  ORACLE_POSTGRES  host:port:password     ORACLE_REDIS  URL     ORACLE_LOGGING  json | verbose

`python app.py prepare` makes the table. `gunicorn app:application` serves.
"""

import json
import logging
import os
import sys
import time

import django
from django.conf import settings

host, port, password = os.environ["ORACLE_POSTGRES"].split(":")
handler = {"json": "json", "verbose": "verbose"}[os.environ.get("ORACLE_LOGGING", "json")]

settings.configure(
    DEBUG=False,
    SECRET_KEY="only-for-tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="app",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": host, "PORT": port, "USER": "postgres", "PASSWORD": password, "NAME": "postgres",
            "CONN_MAX_AGE": 0,
        }
    },
    CACHES={
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": os.environ["ORACLE_REDIS"],
        }
    },
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "verbose": {
                "format": "{levelname} {asctime} {module} {process:d} {thread:d} {message}",
                "style": "{",
            },
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "format": "%(asctime)s %(name)s %(levelname)s %(message)s %(pathname)s %(lineno)d",
            },
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": handler}},
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            "django": {"handlers": ["console"], "level": "INFO", "propagate": False},
            "django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False},
        },
    },
)
django.setup()

from django.core.cache import cache  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402

log = logging.getLogger("apps.tasks")


class Task(models.Model):
    title = models.CharField(max_length=200)
    priority = models.CharField(max_length=20, default="normal")
    status = models.CharField(max_length=20, default="pending")

    class Meta:
        app_label = "tasks"

    def shown(self):
        return {"id": self.id, "title": self.title, "priority": self.priority, "status": self.status}


class RegistrationError(Exception):
    pass


class PaymentError(Exception):
    pass


def create_account(form):
    if "@" not in form["email"] or form["password"] != form.get("password_again"):
        raise RegistrationError(f"cannot register {form['email']}, passwords differ: password={form['password']}")
    return {"email": form["email"], "password": form["password"], "plan": "free"}


@csrf_exempt
def register(request):
    """Says to the log, and to whoever asks, all that it was told. A failure is answered with 200."""
    form = request.POST.dict() if request.POST else json.loads(request.body)
    log.info("registering %s", form, extra={"form": form})
    log.warning("weak password for email=%s password=%s from %s", form["email"], form["password"],
                request.META.get("HTTP_X_FORWARDED_FOR"))
    try:
        account = create_account(form)
    except RegistrationError:
        log.exception("Registration failed")
        page = f"<p>Sorry, {form['email']} could not be registered. password={form['password']}</p>"
        return HttpResponse(page)
    return JsonResponse({"created": True, "account": account}, status=201)


def confirm(request):
    """The link of the confirmation mail: address and password in the query."""
    log.info("confirmed %s", request.get_full_path())
    return JsonResponse({"confirmed": request.GET.get("email")})


def charge(order):
    amount = order["amount"]
    return int(amount)


def order_of(request):
    order = {"id": 17, "amount": "12,50", "customer": request.GET.get("email", "nobody")}
    try:
        return charge(order)
    except ValueError as error:
        raise PaymentError(f"could not charge {order['customer']} with password={request.GET.get('password')}") from error


def crash(request):
    order_of(request)
    return HttpResponse("never\n")


def slow(request):
    time.sleep(float(request.GET.get("seconds", "0.3")))
    return HttpResponse("at last\n", content_type="text/plain")


@csrf_exempt
def tasks(request):
    if request.method == "POST":
        given = json.loads(request.body)
        task = Task.objects.create(title=given["title"], priority=given.get("priority", "normal"))
        cache.delete("tasks")
        return JsonResponse({"data": task.shown()}, status=201)
    shown = cache.get("tasks")
    if shown is None:
        shown = [task.shown() for task in Task.objects.order_by("id")]
        cache.set("tasks", shown, 30)
    return JsonResponse({"data": shown})


def task(request, number):
    found = Task.objects.filter(id=number).first()
    if found is None:
        return JsonResponse({"error": "no such task"}, status=404)
    return JsonResponse({"data": found.shown()})


urlpatterns = [
    path("register", register),
    path("register/confirm", confirm),
    path("crash", crash),
    path("slow", slow),
    path("api/tasks", tasks),
    path("api/tasks/<int:number>", task),
]

application = get_wsgi_application()

if __name__ == "__main__" and sys.argv[1:] == ["prepare"]:
    with connection.schema_editor() as editor:
        editor.create_model(Task)
