"""Steps: what a plan is made of, and how a plan is carried out on one unit in one slot.

    plan = plan_of(recipe, slot.target)
    run_plan(recipe, lot, serial, slot, bench=bench, run=run, office=office, answers=answers)

Engineers add steps of their own through the entry point group `workbench.steps`, see docs/steps.md.
Prints nothing.
"""
