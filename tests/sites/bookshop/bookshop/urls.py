"""The addresses."""

from django.urls import path

from bookshop.views import shelf

urlpatterns = [path("shelf/", shelf)]
