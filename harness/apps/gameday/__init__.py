"""Game days: several scenarios in one supervised session, with a record to sign.

`day_plan` is the intent and its file, `session_store` what happened, `conduct` the story; `view` is
what it shows and asks, and what each step will do. `locust_runner` does it; `attended` has the two
ways to be there, `fault_commands` what injects a manual fault where no one is. `make_record` puts
the session as a record, `render_record` draws its page, `verify` holds it against what is stored.
"""
