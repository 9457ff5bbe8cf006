//! Logs to standard error; traces and metrics to an OTLP collector when one is named.

use std::future::{Future, poll_fn};
use std::io::IsTerminal as _;
use std::pin::pin;
use std::time::Duration;

use opentelemetry::global;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Handle;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, Targets, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::names;
use crate::config::TelemetryConfig;

/// Longest wait for the last spans and metrics at the end.
const FLUSH_MS_MAX: u64 = 3_000;

/// Why telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter of log lines cannot be read.
    #[error("telemetry.log `{filter}`: {reason}; write it as info or info,hyfunc=debug")]
    Filter {
        /// As configured.
        filter: String,
        /// What is wrong.
        reason: String,
    },
    /// The exporter cannot be built.
    #[error("telemetry.otlp_endpoint `{endpoint}`: {source}")]
    Exporter {
        /// As configured.
        endpoint: String,
        /// What is wrong.
        source: ExporterBuildError,
    },
    /// Somebody has set up logging already.
    #[error("logging is set up already in this process")]
    Twice,
}

/// Holds the exporters; [`Telemetry::shutdown`] sends what is left.
#[derive(Default)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

impl Telemetry {
    /// Sends what is left, for at most 3 s.
    pub async fn shutdown(self) {
        // The providers block on their own threads, which need this runtime to send.
        let flush = tokio::task::spawn_blocking(move || {
            let limit = Duration::from_millis(FLUSH_MS_MAX);
            if let Some(traces) = self.traces {
                let _ = traces.shutdown_with_timeout(limit);
            }
            if let Some(metrics) = self.metrics {
                let _ = metrics.shutdown_with_timeout(limit);
            }
        });
        let _ = tokio::time::timeout(Duration::from_millis(2 * FLUSH_MS_MAX), flush).await;
    }
}

/// Sets up logs and exporters for the process. Must run inside the tokio runtime.
///
/// # Errors
/// A filter or an endpoint that cannot be read, or a second call.
pub fn start(config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| TelemetryError::Filter {
        filter: config.log.clone(),
        reason: error.to_string(),
    })?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let filter = filter.and(filter_fn(super::spans::is_for_lines));
    let lines = if config.log_json { lines.json().boxed() } else { lines.boxed() };

    let mut telemetry = Telemetry::default();
    if !config.otlp_endpoint.is_empty() {
        telemetry.traces = Some(traces(config)?);
        telemetry.metrics = Some(metrics(config)?);
    }
    // A list, not `None`: beside a layer that may be there, every span is asked about each time.
    let mut layers = vec![lines.with_filter(filter).boxed()];
    layers.extend(telemetry.traces.as_ref().map(|traces| layer(traces).boxed()));
    tracing_subscriber::registry().with(layers).try_init().map_err(|_| TelemetryError::Twice)?;
    // Not before: a second call must leave the first one's metrics where they are.
    if let Some(metrics) = &telemetry.metrics {
        global::set_meter_provider(metrics.clone());
    }
    Ok(telemetry)
}

/// The layer that turns the gateway's spans into OpenTelemetry's.
pub fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    // Only our own spans: those of the HTTP client would report the export of the export.
    let ours = Targets::new().with_target(names::SCOPE, Level::INFO);
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(names::SCOPE))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(ours)
}

fn resource(config: &TelemetryConfig) -> Resource {
    Resource::builder().with_service_name(config.service_name.clone()).build()
}

fn traces(config: &TelemetryConfig) -> Result<SdkTracerProvider, TelemetryError> {
    let inner = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint(config, "v1/traces"))
        .build()
        .map_err(|source| exporter(config, source))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample_ratio)));
    Ok(SdkTracerProvider::builder()
        .with_resource(resource(config))
        .with_sampler(sampler)
        .with_batch_exporter(InRuntime { inner, runtime: Handle::current() })
        .build())
}

fn metrics(config: &TelemetryConfig) -> Result<SdkMeterProvider, TelemetryError> {
    let inner = MetricExporter::builder()
        .with_http()
        .with_endpoint(endpoint(config, "v1/metrics"))
        .build()
        .map_err(|source| exporter(config, source))?;
    let reader = PeriodicReader::builder(InRuntime { inner, runtime: Handle::current() })
        .with_interval(Duration::from_millis(config.otlp_interval_ms))
        .build();
    Ok(SdkMeterProvider::builder().with_resource(resource(config)).with_reader(reader).build())
}

fn endpoint(config: &TelemetryConfig, path: &str) -> String {
    format!("{}/{path}", config.otlp_endpoint.trim_end_matches('/'))
}

fn exporter(config: &TelemetryConfig, source: ExporterBuildError) -> TelemetryError {
    TelemetryError::Exporter { endpoint: config.otlp_endpoint.clone(), source }
}

/// An exporter whose futures run in tokio although the SDK polls them on plain threads.
#[derive(Debug)]
struct InRuntime<E> {
    inner: E,
    runtime: Handle,
}

async fn entering<F: Future>(runtime: Handle, work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(move |context| {
        let _entered = runtime.enter();
        work.as_mut().poll(context)
    })
    .await
}

impl<E: SpanExporter> SpanExporter for InRuntime<E> {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        entering(self.runtime.clone(), self.inner.export(batch))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for InRuntime<E> {
    fn export(&self, metrics: &ResourceMetrics) -> impl Future<Output = OTelSdkResult> + Send {
        entering(self.runtime.clone(), self.inner.export(metrics))
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}
