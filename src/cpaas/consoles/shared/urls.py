"""The addresses of a console: those of both, then one namespace per screen."""

from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from cpaas.consoles.shared import (
    account_page,
    failures,
    forgotten,
    health,
    login,
    password,
    second_factor,
    views_saved,
)
from cpaas.consoles.shared.screen import screens

handler403 = failures.forbidden
handler404 = failures.not_found
handler500 = failures.defect

urlpatterns: list[URLPattern | URLResolver] = [
    path("health", health.health),
    path("metrics", health.metrics),
    path("favicon.ico", health.favicon),
    path("logo", health.logo, name="logo"),
    path("login/", login.login, name="login"),
    path("login/code/", login.second_step, name="login_code"),
    path("logout/", login.logout, name="logout"),
    path("password/", password.change_password, name="password"),
    path("forgotten/", forgotten.ask, name="forgotten"),
    path("forgotten/<str:token>/", forgotten.choose, name="forgotten_choose"),
    path("account/", account_page.account, name="account"),
    path("account/sessions/end/", account_page.end_session, name="end_session"),
    path("account/second-factor/", second_factor.switch_on, name="second_factor"),
    path("account/second-factor/off/", second_factor.switch_off, name="second_factor_off"),
    path("views/save/", views_saved.save, name="save_view"),
    path("views/forget/", views_saved.forget, name="forget_view"),
    path("", RedirectView.as_view(url=f"/{screens()[0].slug}/"), name="home"),
    *(path(f"{one.slug}/", include(one.urls())) for one in screens()),
]
