"""Game days: several scenarios in one supervised session, with a record to sign.

`day_plan` is the intent and `plan_format` its file, `step_previews` what each step will do,
`session` what happened, `conduct` the story. `locust_runner` does it, `rehearse` only plays it;
`attended` and `unattended` are the two ways to be there. `make_record` tells the session as a
record, `render_record` draws its page, `verify` holds it against what is stored.
"""
