"""The one address of the newsletter project."""

from django.urls import path

from scenarios.newsletter.views import send_newsletter

urlpatterns = [path("newsletter/send", send_newsletter)]
