//! The binary.

use clap::{Parser, Subcommand};
use std::{error::Error, net::SocketAddr, path::PathBuf};
use tokio::net::TcpListener;

#[derive(Parser)]
#[command(name = "papertape", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the dashboard.
    Serve {
        /// The address to listen on; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:3000")]
        listen: SocketAddr,
        /// The folder to keep data in.
        #[arg(long, default_value = "papertape-data")]
        data_dir: PathBuf,
    },
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Command::Serve { listen, data_dir: _ } = Arguments::parse().command;
    let listener = TcpListener::bind(listen).await?;
    println!("Papertape is ready at http://{}", listener.local_addr()?);
    axum::serve(listener, papertape_server::router()).await?;
    Ok(())
}
