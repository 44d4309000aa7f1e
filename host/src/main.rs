//! placeholder
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let config = if args[1].ends_with(".toml") {
        match tamis_host::config::Config::load(args[1].as_ref(), &std::fs::read_to_string(&args[1]).unwrap(), &|_| None) { Ok((c, _)) => c, Err(f) => { eprintln!("{f}"); std::process::exit(1) } }
    } else { panic!() };
    let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let code = rt.block_on(async {
        let app = match tamis_host::app::App::build(config, Default::default()).await { Ok(a) => a, Err(f) => { eprintln!("{f}"); return 1 } };
        eprintln!("{:?} {:?}", app.addresses(), app.admin());
        let stop = app.stop();
        tokio::spawn(async move { let _ = tokio::signal::ctrl_c().await; stop.gracefully(); });
        app.run().await.code
    });
    std::process::exit(code.into());
}
