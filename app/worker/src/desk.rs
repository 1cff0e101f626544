//! What is asked, and what is answered.

use papertape::api::{
    BacktestRequest, BarsHeader, CheckedStrategy, ProblemDetails, WorkerAnswer, WorkerAsk, WorkerReply,
    WorkerRequest,
};
use papertape::backtest::{self, MarketData};
use papertape::market::{Bar, Bars, DatedAction};
use papertape::model::Timeframe;

/// Most sets of bars that are kept: a page that goes through many must not fill the memory.
const MOST_SETS: usize = 3;

/// Keeps bars, and answers.
#[derive(Debug, Default)]
pub struct Desk {
    /// Those used last come last.
    sets: Vec<Set>,
}

/// Bars, and what they are.
#[derive(Debug)]
struct Set {
    address: String,
    header: BarsHeader,
    bars: Bars,
    actions: Vec<DatedAction>,
    /// The candles drawn last, with their timeframe and how many they are at most.
    candles: Option<(Timeframe, usize, Vec<Bar>)>,
}

impl Desk {
    /// Whether the bars of an address are there.
    #[must_use]
    pub fn has(&self, address: &str) -> bool {
        self.sets.iter().any(|set| set.address == address)
    }

    /// Takes in the bars that were fetched from an address; gives the reply to the request of this number.
    pub fn load(&mut self, number: u64, address: &str, body: &[u8]) -> String {
        let answer = match BarsHeader::unpack(body) {
            Ok((header, bars, actions)) => {
                self.sets.retain(|set| set.address != address);
                if self.sets.len() == MOST_SETS {
                    self.sets.remove(0);
                }
                self.sets.push(Set {
                    address: address.to_owned(),
                    header: header.clone(),
                    bars,
                    actions,
                    candles: None,
                });
                WorkerAnswer::Loaded(Box::new(header))
            }
            Err(error) => failed(
                "bars_unreadable",
                "The bars cannot be read",
                format!("{error}; reload the page to fetch them again"),
            ),
        };
        reply(number, answer)
    }

    /// Gives the reply to a request.
    pub fn answer(&mut self, request: &str) -> String {
        let WorkerRequest { number, ask } = match serde_json::from_str(request) {
            Ok(request) => request,
            Err(error) => {
                let detail = format!("Reload the page to get the server's version ({error}).");
                return reply(
                    0,
                    failed(
                        "version_mismatch",
                        "The engine does not understand the page",
                        detail,
                    ),
                );
            }
        };
        reply(number, self.follow(ask))
    }

    fn follow(&mut self, ask: WorkerAsk) -> WorkerAnswer {
        match ask {
            WorkerAsk::Load { bars } => match self.set(&bars) {
                Some(set) => WorkerAnswer::Loaded(Box::new(set.header.clone())),
                None => absent(&bars),
            },
            WorkerAsk::Run {
                bars,
                request,
                points,
            } => match self.set(&bars) {
                Some(set) => set.run(&request, points),
                None => absent(&bars),
            },
            WorkerAsk::Check { yaml } => {
                let checked: CheckedStrategy = backtest::check(&yaml);
                WorkerAnswer::Checked(Box::new(checked))
            }
        }
    }

    /// The bars of an address, which are now those used last.
    fn set(&mut self, address: &str) -> Option<&mut Set> {
        let index = self.sets.iter().position(|set| set.address == address)?;
        let set = self.sets.remove(index);
        self.sets.push(set);
        self.sets.last_mut()
    }
}

impl Set {
    fn run(&mut self, request: &BacktestRequest, points: usize) -> WorkerAnswer {
        let base = self.header.dataset.timeframe;
        let data = MarketData {
            bars: &self.bars,
            actions: &self.actions,
        };
        match backtest::preview(request, &self.header.instrument, data, base, points) {
            Ok(mut preview) => {
                preview.bars = self.candles(preview.timeframe, points);
                WorkerAnswer::Ran(Box::new(preview))
            }
            Err(problem) => WorkerAnswer::Failed(*problem),
        }
    }

    fn candles(&mut self, timeframe: Timeframe, points: usize) -> Vec<Bar> {
        match &self.candles {
            Some((of, most, candles)) if (*of, *most) == (timeframe, points) => candles.clone(),
            _ => {
                let base = self.header.dataset.timeframe;
                let candles = backtest::chart_bars(&self.bars, base, timeframe, points);
                self.candles = Some((timeframe, points, candles.clone()));
                candles
            }
        }
    }
}

fn absent(address: &str) -> WorkerAnswer {
    failed(
        "bars_absent",
        "The bars are not there",
        format!("The bars of {address} have to be loaded first."),
    )
}

fn failed(code: &str, title: &str, detail: String) -> WorkerAnswer {
    WorkerAnswer::Failed(ProblemDetails {
        type_uri: "about:blank".to_owned(),
        title: title.to_owned(),
        status: 422,
        detail,
        code: code.to_owned(),
        errors: Vec::new(),
        since: None,
    })
}

fn reply(number: u64, answer: WorkerAnswer) -> String {
    serde_json::to_string(&WorkerReply { number, answer })
        .unwrap_or_else(|_| unreachable!("every answer has a form in JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::api::{BacktestPreview, DatasetInfo};
    use papertape::market::{SimulatedMarket, SimulatedMarketConfig};
    use papertape::model::{Symbol, Timestamp};
    use papertape::strategy::RUNS_SCRIPTS;

    const ADDRESS: &str = "/bars";
    const STRATEGY: &str = include_str!("../../../strategies/sma-cross.yaml");

    fn bars(count: usize) -> (BarsHeader, Bars) {
        let symbol: Symbol = "BTC/USDT".parse().expect("a symbol");
        let from = Timestamp::parse("2024-01-01T00:00:00Z").expect("a time");
        let config = SimulatedMarketConfig {
            symbol: symbol.clone(),
            seed: 7,
            start: from,
        };
        let bars = SimulatedMarket::bars(config, count);
        let timeframe = Timeframe::MINUTE;
        let header = BarsHeader {
            dataset: DatasetInfo {
                id: "simulated".to_owned(),
                label: "Simulated market".to_owned(),
                symbol: symbol.clone(),
                timeframe,
                bars: count as u64,
                from,
                to: timeframe.close_of(*bars.open_time.last().expect("bars")),
                simulated: true,
            },
            instrument: SimulatedMarket::instrument(&symbol),
        };
        (header, bars)
    }

    fn ask(desk: &mut Desk, ask: WorkerAsk) -> WorkerAnswer {
        let request = WorkerRequest { number: 5, ask };
        let text = desk.answer(&serde_json::to_string(&request).expect("a request"));
        // As the page reads it.
        let reply: WorkerReply = papertape::model::json::read(&text).expect("a reply");
        assert_eq!(reply.number, 5);
        reply.answer
    }

    fn run(desk: &mut Desk, request: BacktestRequest) -> WorkerAnswer {
        ask(
            desk,
            WorkerAsk::Run {
                bars: ADDRESS.to_owned(),
                request: Box::new(request),
                points: 200,
            },
        )
    }

    fn request(fast: f64) -> BacktestRequest {
        BacktestRequest {
            strategy: STRATEGY.to_owned(),
            params: [("fast".to_owned(), fast)].into(),
            ..BacktestRequest::default()
        }
    }

    #[test]
    fn a_run_is_that_of_the_server() {
        let (header, bars) = bars(20_000);
        let mut desk = Desk::default();
        desk.load(1, ADDRESS, &header.pack(&bars, &[]));
        for fast in [10.0, 30.0] {
            let request = request(fast);
            let strategy = backtest::compile(&request, STRATEGY).expect("a strategy");
            let source = backtest::BarSource {
                instrument: &header.instrument,
                timeframe: header.dataset.timeframe,
                span: (header.dataset.from, header.dataset.to),
            };
            let config = backtest::configure(&request, strategy, source).expect("a run");
            let outcome = backtest::run_with_band(config, &bars, &mut |_| true).expect("its end");

            let WorkerAnswer::Ran(preview) = run(&mut desk, request) else {
                panic!("no result");
            };
            let BacktestPreview {
                event_hash,
                final_equity,
                metrics,
                equity,
                bars: candles,
                trades,
                ..
            } = *preview;
            assert_eq!(event_hash, outcome.event_hash);
            assert_eq!(final_equity, outcome.final_equity.amount.normalize());
            assert_eq!(metrics, outcome.metrics);
            assert!(metrics.trades > 10, "{} trades", metrics.trades);
            assert!((2..=200).contains(&equity.len()) && (2..=200).contains(&candles.len()));
            let last = equity.last().expect("a point");
            assert_eq!(last.equity.normalize(), final_equity);
            assert!(trades.len() <= outcome.trades.len().min(200));
        }
    }

    #[test]
    fn what_cannot_run_is_told_where_and_why() {
        let mut desk = Desk::default();
        let code = |answer: WorkerAnswer| match answer {
            WorkerAnswer::Failed(problem) => problem.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(run(&mut desk, request(10.0))), "bars_absent");
        let (header, bars) = bars(500);
        let body = header.pack(&bars, &[]);
        assert!(
            desk.load(1, ADDRESS, &body[..body.len() / 2])
                .contains("bars_unreadable")
        );
        assert!(!desk.has(ADDRESS));
        desk.load(1, ADDRESS, &body);
        assert_eq!(code(run(&mut desk, request(f64::MAX))), "invalid_strategy");
        let broke = BacktestRequest {
            initial_capital: Some("-1".parse().expect("a number")),
            ..request(10.0)
        };
        assert_eq!(code(run(&mut desk, broke)), "invalid_request");
        assert!(desk.answer("{}").contains("version_mismatch"));
        assert!(desk.answer("nonsense").contains("version_mismatch"));
    }

    #[test]
    fn a_strategy_with_a_script_is_left_to_the_server() {
        let mut desk = Desk::default();
        let (header, bars) = bars(500);
        desk.load(1, ADDRESS, &header.pack(&bars, &[]));
        let scripted = BacktestRequest {
            strategy: include_str!("../../../strategies/grid-trader.yaml").to_owned(),
            ..BacktestRequest::default()
        };
        // Built beside the server, which turns the interpreter on, the engine has it here, too.
        match run(&mut desk, scripted) {
            WorkerAnswer::Ran(_) if RUNS_SCRIPTS => {}
            WorkerAnswer::Failed(problem) if !RUNS_SCRIPTS => {
                assert_eq!(
                    (problem.code.as_str(), problem.detail.as_str()),
                    (papertape::api::NEEDS_SERVER, "the strategy has a script")
                );
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_strategy_is_judged_without_bars() {
        let mut desk = Desk::default();
        let mut check = |yaml: &str| match ask(
            &mut desk,
            WorkerAsk::Check {
                yaml: yaml.to_owned(),
            },
        ) {
            WorkerAnswer::Checked(checked) => *checked,
            other => panic!("{other:?}"),
        };
        let fine = check(STRATEGY);
        assert!(fine.problems.is_empty() && fine.warm_up.is_some(), "{fine:?}");
        assert_eq!(fine.name.as_deref(), Some("SMA cross"));
        assert!(
            fine.params
                .iter()
                .any(|param| param.name == "fast" && param.min == Some(5.0))
        );
        let wrong = check(&STRATEGY.replace("sma(close, $fast)", "smaa(close, $fast)"));
        let problem = wrong.problems.first().expect("a problem");
        assert!(problem.line > 5 && problem.column > 1, "{problem:?}");
        assert_eq!(wrong.name.as_deref(), Some("SMA cross"));
        assert!(
            check("name: [")
                .problems
                .first()
                .is_some_and(|problem| problem.line >= 1)
        );
    }

    #[test]
    fn only_the_sets_used_last_are_kept() {
        let (header, bars) = bars(10);
        let mut desk = Desk::default();
        let body = header.pack(&bars, &[]);
        for address in ["/a", "/b", "/c"] {
            desk.load(1, address, &body);
        }
        let kept = ask(
            &mut desk,
            WorkerAsk::Load {
                bars: "/a".to_owned(),
            },
        );
        assert!(matches!(kept, WorkerAnswer::Loaded(_)));
        desk.load(1, "/d", &body);
        assert!(desk.has("/a") && !desk.has("/b") && desk.has("/d"));
    }
}
