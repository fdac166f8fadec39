//! What the rounds say, in a table.

use crate::Outcome;

pub(crate) fn print_round(round: usize, client: &str, outcome: &Outcome) {
    println!(
        "round {round}  {client:<8} {:>7.2} M records/s  {:>7.1} ns of CPU per record",
        rate(outcome) / 1e6,
        cpu_ns(outcome)
    );
}

/// Medians over the rounds, and each client against the first.
pub(crate) fn print_medians(names: &[&str], rounds: &[Vec<Outcome>]) {
    let medians: Vec<(f64, f64)> = rounds.iter().map(|outcomes| (median(outcomes, rate), median(outcomes, cpu_ns))).collect();
    let Some(&(first_rate, first_cpu)) = medians.first() else { return };
    println!("\n{:<10}{:>14}{:>16}{:>18}{:>22}", "median", "M records/s", "CPU ns/record", "rate, linger =", "CPU/record, linger =");
    for (name, (rate, cpu)) in names.iter().zip(&medians) {
        println!("{name:<10}{:>14.2}{cpu:>16.1}{:>17.1}x{:>21.2}x", rate / 1e6, first_rate / rate, first_cpu / cpu);
    }
}

fn rate(outcome: &Outcome) -> f64 {
    outcome.records as f64 / outcome.wall_s
}

fn cpu_ns(outcome: &Outcome) -> f64 {
    outcome.cpu_s * 1e9 / outcome.records as f64
}

fn median(outcomes: &[Outcome], value: impl Fn(&Outcome) -> f64) -> f64 {
    let mut values: Vec<f64> = outcomes.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
