namespace Broker.Client.Extensions;

/// <summary>
/// The program's client, connected when it is asked for the first time, and disposed with the host, after all hosted services have stopped. Inject this, by its key if
/// the client has one. Thread-safe.
/// </summary>
public interface IBrokerClientProvider
{
    /// <summary>The client as it is now; <c>null</c> if there is none yet. It may be closed.</summary>
    BrokerClient? Current { get; }

    /// <summary>
    /// The client, which is connected or connects again by itself. One that has closed for good is replaced by a new one; so do not keep it for longer than an
    /// operation.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait; connecting goes on for others.</param>
    /// <exception cref="BrokerConnectionException">No endpoint answered. Ask again when it makes sense: each call tries once.</exception>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">The settings are wrong.</exception>
    /// <exception cref="ObjectDisposedException">The host has stopped.</exception>
    ValueTask<BrokerClient> GetAsync(CancellationToken cancellationToken = default);
}
