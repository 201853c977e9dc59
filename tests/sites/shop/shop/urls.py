"""The shop's addresses: every kind of pattern that Django has."""

from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path, re_path

from shop import views

catalogue = (
    [
        path("", views.catalogue, name="all"),
        path("chunks/", views.catalogue_in_chunks, name="chunks"),
        path("orders/", views.catalogue_with_orders, name="orders"),
        path("<int:number>/", views.product, name="one"),
    ],
    "catalogue",
)

urlpatterns = [
    path("", views.home, name="home"),
    path("visits/", views.count_visit),
    path("stream/", views.stream),
    path("wait/", views.wait),
    path("old/", views.moved),
    path("account/", views.account),
    path("order/", views.order),
    path("catalogue/", include(catalogue)),
    re_path(r"^pages?/$", views.home),
    re_path(r"^archive/(?P<year>[0-9]{4})/$", views.home),
    path("cached/", views.cached),
    path("remember/", views.remember),
    path("tell/", views.tell),
    path("logout/", views.logout),
    path("broken/", views.broken),
    path("tired/", views.tired),
    *i18n_patterns(path("help/", views.home)),
]
