"""The addresses of the site."""

from django.urls import path

from mysite import views

urlpatterns = [
    path("", views.home),
    path("newsletter/", views.newsletter),
    path("newsletter/send/", views.send),
    path("account/", views.account),
]
