//! The composition root: the only file that names every part.

use std::borrow::Cow;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use hyfunc_cascade::{Ablation, Cascade, CascadeConfig, CascadeError};
use hyfunc_distribution::Digest;
use hyfunc_sandbox::{
    Credential, Grants, GrantsError, Plugin, Sandbox, SandboxConfig, SandboxError,
};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};

use crate::admission::Admission;
use crate::audit::Audit;
use crate::clock;
use crate::config::{
    AUTO, CALIBRATED, Config, ConfigError, CredentialSource, Inputs, ModelsConfig, Reload, STOCK,
    SandboxLimits, ServerConfig, cache_dir,
};
use crate::error::StartError;
use crate::follow::Follower;
use crate::http::server::Server;
use crate::http::tls::{Tls, TlsError};
use crate::http::{Shared, admin_router, nothing_kept, router};
use crate::keys::Keys;
use crate::library::{Library, Shelf};
use crate::mcp;
use crate::models::Models;
use crate::pipeline::Pipeline;
use crate::publish::{Publisher, Store};
use crate::recent::Recent;
use crate::stock;
use crate::telemetry::Metrics;
use crate::upstream::Upstream;

/// Engine threads when nobody says. A request keeps one busy; clients are served by others, which
/// mostly wait.
const THREADS_AUTO_MAX: usize = 8;

/// A component that is to be loaded.
#[derive(Clone, Debug)]
pub struct PluginSource {
    /// Unique among those loaded.
    pub name: String,
    /// The component.
    pub component: Cow<'static, [u8]>,
    /// Text of its `grants.toml`; empty grants nothing.
    pub grants: Cow<'static, str>,
}

/// The gateway, ready to serve.
pub struct App {
    pipeline: Arc<Pipeline>,
    router: Router,
    /// For those who change the library, where it can be changed.
    admin: Option<Router>,
    /// Keeps the library equal to registries, where it can be changed.
    follower: Option<Arc<Follower>>,
}

impl App {
    /// Builds everything that the configuration names.
    ///
    /// # Errors
    /// The first part that does not start, with what to do about it.
    pub async fn build(config: Config) -> Result<Self, StartError> {
        let models_config = config.models.clone();
        let models = off_thread("the models", move || models(&models_config));
        let (models, loaded) = tokio::try_join!(models, load(&config))?;
        Self::around(config, models, loaded).await
    }

    /// The same around other models, which is how tests script what is decided.
    ///
    /// # Errors
    /// As [`App::build`].
    pub async fn with_models(config: Config, models: Arc<dyn Models>) -> Result<Self, StartError> {
        let loaded = load(&config).await?;
        Self::around(config, models, loaded).await
    }

    /// The same around other models and plugins that are loaded already.
    ///
    /// # Errors
    /// Names that cannot be told apart, models or index that fail.
    pub async fn assemble(
        config: Config,
        models: Arc<dyn Models>,
        plugins: &[Plugin],
    ) -> Result<Self, StartError> {
        let loaded = with_published(&config, plugins.to_vec()).await?;
        Self::around(config, models, loaded).await
    }

    async fn around(
        config: Config,
        models: Arc<dyn Models>,
        loaded: Loaded,
    ) -> Result<Self, StartError> {
        let Loaded { plugins, store } = loaded;
        let library = Library::build(&plugins, models.as_ref()).await?;
        tracing::info!(
            functions = library.entries().len(),
            plugins = plugins.len(),
            model = models.info().id,
            "ready"
        );
        let pipeline = Arc::new(Pipeline {
            admission: Admission::new(&config.server),
            shelf: Shelf::new(library),
            models,
            metrics: Metrics::default(),
            recent: Recent::new(&config),
            keys: Keys::open(&config.keys)?,
            audit: Audit::open(&config.audit)?,
            upstream: Upstream::open(&config.upstream)?,
            config: config.into(),
        });
        let shared = Shared {
            pipeline: Arc::clone(&pipeline),
            started_s: clock::now_s(),
            mcp: mcp::Server::new(Arc::clone(&pipeline)),
            replays: nothing_kept(),
        };
        let mut follower = None;
        let admin = store.map(|store| {
            let publisher = Arc::new(Publisher::new(store, Arc::clone(&pipeline)));
            let follows = Follower::new(Arc::clone(&pipeline), Arc::clone(&publisher));
            let follows = follower.insert(Arc::new(follows));
            admin_router(shared.clone(), publisher, Arc::clone(follows))
        });
        Ok(Self { pipeline, router: router(shared), admin, follower })
    }

    /// What a request passes through.
    pub fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    /// The same for one client that speaks MCP over another transport than HTTP.
    pub fn mcp(&self) -> mcp::Server {
        mcp::Server::new(Arc::clone(&self.pipeline))
    }

    /// Every endpoint, for serving in another way.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Every endpoint of those who change the library, where it can be changed.
    pub fn admin_router(&self) -> Option<Router> {
        self.admin.clone()
    }

    /// Puts other limits in force while it serves.
    pub fn reloader(&self) -> Reloader {
        Reloader { pipeline: Arc::clone(&self.pipeline), tls: Vec::new() }
    }

    /// Binds the configured addresses.
    ///
    /// # Errors
    /// A port is in use, or an address is not ours.
    pub async fn listen(self) -> Result<Serving, StartError> {
        let config = &self.pipeline.config;
        let server = Server::bind(&config.server).await?;
        let mut admin = None;
        if !config.admin.address.is_empty()
            && let Some(router) = &self.admin
        {
            let address = config.admin.address.clone();
            let bound = Server::bind(&ServerConfig { address, ..config.server.clone() }).await;
            let bound = bound.map_err(|error| StartError::Admin(Box::new(error)))?;
            admin = Some((bound, router.clone()));
        }
        Ok(Serving { server, admin, app: self })
    }
}

/// A gateway with its socket.
pub struct Serving {
    server: Server,
    admin: Option<(Server, Router)>,
    app: App,
}

impl Serving {
    /// Where it listens; the port is the real one.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        self.server.scheme()
    }

    /// Where those who change the library are listened to.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(server, _)| server.address())
    }

    /// As [`App::reloader`], with the certificates of its listeners.
    pub fn reloader(&self) -> Reloader {
        let admin = self.admin.iter().map(|(server, _)| server.tls());
        let tls = std::iter::once(self.server.tls()).chain(admin).collect();
        Reloader { tls, ..self.app.reloader() }
    }

    /// Serves until `stop` resolves; then requests at work finish, up to the configured limit.
    /// Returns whether all of them did.
    pub async fn run(self, stop: impl Future<Output = ()>) -> bool {
        let admission = self.app.pipeline.admission.clone();
        let (stopping, stopped) = oneshot::channel::<()>();
        let admin = self.admin.map(|(server, router)| {
            let stopped = async move {
                // A dropped sender stops it: nothing is ever sent.
                let _ = stopped.await;
            };
            tokio::spawn(server.run(router, admission.clone(), stopped))
        });
        let following = self.app.follower.map(|follower| tokio::spawn(follower.run()));
        let unfollow = following.as_ref().map(JoinHandle::abort_handle);
        let stop = async move {
            stop.await;
            // What is being published from there comes to its end.
            if let Some(unfollow) = unfollow {
                unfollow.abort();
            }
            drop(stopping);
        };
        let finished = self.server.run(self.app.router, admission, stop).await;
        if let Some(following) = following {
            // It never ends by itself: this says that it was aborted.
            let _ = following.await;
        }
        match admin {
            None => finished,
            Some(admin) => admin.await.unwrap_or(false) && finished,
        }
    }
}

/// Gives a gateway other limits and renewed certificates while it serves.
pub struct Reloader {
    pipeline: Arc<Pipeline>,
    /// One a listener.
    tls: Vec<Tls>,
}

impl Reloader {
    /// Puts in force what may change without a restart.
    ///
    /// # Errors
    /// The new values do not go with those that stay, or there were too many before.
    pub fn apply(&self, read: &Config) -> Result<Reload, ConfigError> {
        let reload = crate::config::reload(&self.pipeline.config, read)?;
        if !self.pipeline.config.replace(reload.config.clone()) {
            return Err(ConfigError::Worn);
        }
        self.pipeline.admission.set_limits(&reload.config.server);
        Ok(reload)
    }

    /// Reads certificate and key again, from where they were at the start; says whether there are
    /// any. Connections that stand keep theirs.
    ///
    /// # Errors
    /// Files that cannot be read, or that do not belong together; then the old pair goes on.
    pub fn renew(&self) -> Result<bool, TlsError> {
        let config = &self.pipeline.config.server;
        let mut renewed = false;
        for tls in &self.tls {
            renewed |= tls.renew(config)?;
        }
        Ok(renewed)
    }

    /// Reads all layers, certificate and key again at every SIGHUP, from now on. What cannot be used changes nothing.
    ///
    /// # Errors
    /// The system does not hand signals over.
    #[cfg(unix)]
    pub fn watch(self, inputs: Inputs) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangups = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                self.reload(&inputs);
            }
        });
        Ok(())
    }

    /// There is no such signal here.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn watch(self, _inputs: Inputs) -> std::io::Result<()> {
        Ok(())
    }

    #[cfg(unix)]
    fn reload(&self, inputs: &Inputs) {
        let read = crate::config::load(inputs);
        match read.and_then(|effective| self.apply(&effective.config)) {
            Ok(Reload { changed, waiting, .. }) => {
                tracing::info!(changed = changed.join(", "), "the configuration was read again");
                if !waiting.is_empty() {
                    let keys = waiting.join(", ");
                    tracing::warn!(keys, "these keys keep their values until a restart");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the configuration stays as it was");
            }
        }
        match self.renew() {
            Ok(true) => tracing::info!("certificate and key were read again"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "certificate and key stay as they were"),
        }
    }
}

/// Resolves at ctrl-c or SIGTERM, if they come after this was called: they are listened for from the
/// call on, not from the first poll.
#[cfg(unix)]
pub fn stop_signal() -> impl Future<Output = ()> + Send + 'static {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signals: Vec<_> = [SignalKind::interrupt(), SignalKind::terminate()]
        .into_iter()
        .filter_map(|kind| signal(kind).ok())
        .collect();
    std::future::poll_fn(move |context| {
        let comes = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if comes { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
}

/// Resolves at ctrl-c.
#[cfg(not(unix))]
pub fn stop_signal() -> impl Future<Output = ()> + Send + 'static {
    async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The models that the configuration names, of whichever preset. Blocking.
///
/// # Errors
/// Weights that do not fit or cannot be read.
pub fn models(config: &ModelsConfig) -> Result<Arc<dyn Models>, StartError> {
    Ok(match config.preset.as_str() {
        STOCK => Arc::new(stock::open(config)?),
        _ => Arc::new(cascade(config)?),
    })
}

/// The models that are trained here.
///
/// # Errors
/// Weights that do not fit or cannot be read, or a folder that was named and cannot be used.
pub fn cascade(config: &ModelsConfig) -> Result<Cascade, StartError> {
    cascade_without(config, Ablation::default())
}

/// The same, without parts whose gain is to be measured.
///
/// # Errors
/// As [`cascade`].
pub fn cascade_without(config: &ModelsConfig, ablate: Ablation) -> Result<Cascade, StartError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = match config.threads {
        0 => cores.clamp(1, THREADS_AUTO_MAX),
        threads => threads,
    };
    let call_threshold = config.call_threshold;
    let is_auto = config.prepared_dir == AUTO;
    let limits = CascadeConfig {
        threads,
        queue_jobs_max: config.queue_jobs_max,
        query_tokens_max: config.query_tokens_max,
        value_tokens_max: config.value_tokens_max,
        call_threshold: (call_threshold != CALIBRATED).then_some(call_threshold as f32),
        batch_tokens_max: config.batch_tokens_max,
        live_bytes_max: config.live_bytes_max,
        ablate,
        chained_slots: false,
        blocks_bytes_max: config.blocks_bytes_max,
        prepared_dir: match config.prepared_dir.as_str() {
            AUTO => cache_dir().map(|dir| dir.join("prepared")),
            dir => folder(dir),
        },
        prepared_bytes_max: config.prepared_bytes_max,
    };
    let load = |limits: &CascadeConfig| match config.dir.as_str() {
        "" => Cascade::embedded(limits),
        dir => Cascade::from_dir(Path::new(dir), limits),
    };
    match load(&limits) {
        // Nobody asked for this folder: without it functions are prepared at every start.
        Err(CascadeError::Folder { path, source }) if is_auto => {
            tracing::warn!(path, %source, "what the models make of functions is not kept");
            Ok(load(&CascadeConfig { prepared_dir: None, ..limits })?)
        }
        loaded => Ok(loaded?),
    }
}

/// The sandbox with the configured limits.
///
/// # Errors
/// Limits that cannot be, or a folder that was named and cannot be used.
pub fn sandbox(config: &SandboxLimits) -> Result<Sandbox, StartError> {
    let is_auto = config.aot_dir == AUTO;
    let aot_dir = match config.aot_dir.as_str() {
        AUTO => cache_dir().map(|dir| dir.join("aot")),
        dir => folder(dir),
    };
    let limits = SandboxConfig {
        deadline_ms_max: config.deadline_ms_max,
        memory_bytes_max: config.memory_bytes_max,
        table_elements_max: config.table_elements_max,
        component_bytes_max: config.component_bytes_max,
        compile_ms_max: config.compile_ms_max,
        hostcall_bytes_max: config.hostcall_bytes_max,
        handles_max: config.handles_max,
        result_bytes_max: config.result_bytes_max,
        log_bytes_max: config.log_bytes_max,
        calls_per_plugin_max: config.calls_per_plugin_max,
        calls_waiting_max: config.calls_waiting_max,
        instances_max: config.instances_max,
        stack_bytes_max: config.stack_bytes_max,
        keyvalue_bytes_max: config.keyvalue_bytes_max,
        http_body_bytes_max: config.http_body_bytes_max,
        http_ms_max: config.http_ms_max,
        keyvalue_dir: folder(&config.keyvalue_dir),
        aot_dir,
        credentials: credentials(config)?,
        async_components: config.async_components,
        ..SandboxConfig::default()
    };
    match Sandbox::new(limits.clone()) {
        // Nobody asked for this folder: without it plugins are compiled at every start.
        Err(SandboxError::Directory { path, message, .. }) if is_auto => {
            tracing::warn!(path, message, "compiled plugins are not kept");
            Ok(Sandbox::new(SandboxConfig { aot_dir: None, ..limits })?)
        }
        built => Ok(built?),
    }
}

/// What the host adds to requests of plugins, each value from its own file.
fn credentials(config: &SandboxLimits) -> Result<Vec<Credential>, StartError> {
    let sources = config.credential_sources().into_iter();
    let read = sources.map(|CredentialSource { plugin, origin, header, file }| {
        let failed = |reason: String| StartError::Credential { file: file.clone(), reason };
        let value = std::fs::read_to_string(&file).map_err(|error| {
            failed(format!("{error}; check the path, and that the gateway's user may read it"))
        })?;
        let credential = Credential::new(&plugin, &origin, &header, &value);
        credential.map_err(|error| failed(error.to_string()))
    });
    read.collect()
}

/// What is published, where the configuration has a place for it. In the plugins' own sandbox, so
/// that the calls of all share its limits.
async fn store(config: &Config, plugins: &[Plugin]) -> Result<Option<Store>, StartError> {
    if config.library.dir.is_empty() {
        return Ok(None);
    }
    let bundled = |name: &str| hyfunc_plugins::bundled().iter().any(|other| other.name == name);
    let origin = |name: &str| {
        if config.plugins.bundled && bundled(name) { "bundled" } else { "plugins.files" }
    };
    let fixed = plugins.iter().map(|plugin| (plugin.name().to_owned(), origin(plugin.name())));
    let fixed = fixed.collect();
    let shared = plugins.first().map(Plugin::sandbox);
    let (library, limits) = (config.library.clone(), config.sandbox.clone());
    let store = off_thread("the library", move || {
        let sandbox = shared.map_or_else(|| sandbox(&limits), Ok)?;
        Ok(Store::open(&library, sandbox, fixed)?)
    });
    Ok(Some(store.await?))
}

fn folder(path: &str) -> Option<PathBuf> {
    (!path.is_empty()).then(|| PathBuf::from(path))
}

/// Plugins that are ready to be called, and the place for more.
pub struct Loaded {
    /// Those that the configuration names, then those that were published.
    pub plugins: Vec<Plugin>,
    store: Option<Store>,
}

/// Loads every plugin that the configuration names, and every one that was published.
///
/// # Errors
/// The first of the configuration that cannot be loaded; a registry that cannot be used.
pub async fn load(config: &Config) -> Result<Loaded, StartError> {
    with_published(config, load_plugins(config).await?).await
}

async fn with_published(config: &Config, mut plugins: Vec<Plugin>) -> Result<Loaded, StartError> {
    let store = store(config, &plugins).await?;
    if let Some(store) = &store {
        plugins.extend(store.restore().await?);
    }
    Ok(Loaded { plugins, store })
}

/// Every component that the configuration names.
///
/// # Errors
/// A file that cannot be read, or two of one name.
pub fn plugin_sources(config: &Config) -> Result<Vec<PluginSource>, StartError> {
    let mut sources = Vec::new();
    if config.plugins.bundled {
        sources.extend(hyfunc_plugins::bundled().iter().map(|bundled| PluginSource {
            name: bundled.name.to_owned(),
            component: Cow::Borrowed(bundled.component),
            grants: Cow::Borrowed(bundled.grants),
        }));
    }
    let files = config.plugins.files.iter().map(|path| plugin_file(Path::new(path)));
    with_more(sources, files.collect::<Result<_, _>>()?)
}

/// Components, and others besides.
///
/// # Errors
/// Two of one name.
pub fn with_more(
    mut sources: Vec<PluginSource>,
    more: Vec<PluginSource>,
) -> Result<Vec<PluginSource>, StartError> {
    for source in more {
        if sources.iter().any(|other| other.name == source.name) {
            return Err(StartError::PluginTwice { plugin: source.name });
        }
        sources.push(source);
    }
    Ok(sources)
}

/// A component's file and the grants beside it: `NAME.wasm`, `NAME.grants.toml`.
///
/// # Errors
/// A file that cannot be read.
pub fn plugin_file(path: &Path) -> Result<PluginSource, StartError> {
    let failed = |source| StartError::PluginFile { path: path.to_owned(), source };
    let component = std::fs::read(path).map_err(failed)?;
    let grants = match std::fs::read_to_string(path.with_extension("grants.toml")) {
        Ok(grants) => grants,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(PluginSource { name, component: Cow::Owned(component), grants: Cow::Owned(grants) })
}

/// Compiles one component, or takes it from the cache. Blocking.
///
/// # Errors
/// Grants or a component that cannot be used.
pub fn load_plugin(sandbox: &Sandbox, source: &PluginSource) -> Result<Plugin, StartError> {
    let refused = |error: GrantsError| StartError::Grants {
        plugin: source.name.clone(),
        source: Box::new(error),
    };
    let grants = Grants::parse(&source.grants).map_err(refused)?;
    if grants.digest.is_some() {
        grants.check_component(Digest::of(&source.component).hex()).map_err(refused)?;
    }
    sandbox.load(&source.name, &source.component, &grants).map_err(|error| StartError::Plugin {
        plugin: source.name.clone(),
        source: Box::new(error),
    })
}

/// Loads every component that the configuration names.
///
/// # Errors
/// The first that cannot be loaded.
pub async fn load_plugins(config: &Config) -> Result<Vec<Plugin>, StartError> {
    load_sources(config, plugin_sources(config)?).await
}

/// Loads components, all at once, within the configured limits.
///
/// # Errors
/// The first that cannot be loaded.
pub async fn load_sources(
    config: &Config,
    sources: Vec<PluginSource>,
) -> Result<Vec<Plugin>, StartError> {
    let limits = config.sandbox.clone();
    let sandbox = off_thread("the sandbox", move || sandbox(&limits)).await?;
    let mut loading = JoinSet::new();
    for (at, source) in sources.into_iter().enumerate() {
        let sandbox = sandbox.clone();
        loading.spawn_blocking(move || (at, load_plugin(&sandbox, &source)));
    }
    let mut plugins = Vec::new();
    while let Some(loaded) = loading.join_next().await {
        let (at, plugin) = loaded.map_err(|_| StartError::Panicked { part: "a plugin" })?;
        let plugin = plugin?;
        for refusal in plugin.refused() {
            tracing::warn!(
                plugin = plugin.name(),
                function = refusal.name,
                reason = refusal.reason,
                "a function is not offered"
            );
        }
        plugins.push((at, plugin));
    }
    plugins.sort_by_key(|(at, _)| *at);
    Ok(plugins.into_iter().map(|(_, plugin)| plugin).collect())
}

async fn off_thread<T: Send + 'static>(
    part: &'static str,
    work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    spawn_blocking(work).await.map_err(|_| StartError::Panicked { part })?
}
