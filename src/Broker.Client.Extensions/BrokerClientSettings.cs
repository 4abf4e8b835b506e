namespace Broker.Client.Extensions;

/// <summary>
/// The options of a client as a configuration section holds them, and code changes them. What is <c>null</c> is as <see cref="BrokerClientOptions"/> has it, where units,
/// ranges and defaults are documented. A name that a section has and this class has not is an error.
/// </summary>
public sealed class BrokerClientSettings
{
    /// <summary>Nodes of one cluster, each <c>host</c> or <c>host:port</c>. Default: none, which is 127.0.0.1:7400.</summary>
    public IList<string> Endpoints { get; init; } = [];

    /// <inheritdoc cref="BrokerClientOptions.KeepEndpointOrder"/>
    public bool? KeepEndpointOrder { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.Vhost"/>
    public string? Vhost { get; set; }

    /// <summary>This program's name in the node's lists of connections. Default <c>null</c>: the host's application name, if there is a host.</summary>
    public string? ClientName { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.CertificateFile"/>
    public string? CertificateFile { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.PrivateKeyFile"/>
    public string? PrivateKeyFile { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.TrustedRootsFile"/>
    public string? TrustedRootsFile { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.ServerName"/>
    public string? ServerName { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.TransportName"/>
    public string? TransportName { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.RecoverConnection"/>
    public bool? RecoverConnection { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.RecoveryMinDelay"/>
    public TimeSpan? RecoveryMinDelay { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.RecoveryMaxDelay"/>
    public TimeSpan? RecoveryMaxDelay { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.RecoveryPatience"/>
    public TimeSpan? RecoveryPatience { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.ConnectTimeout"/>
    public TimeSpan? ConnectTimeout { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.CloseTimeout"/>
    public TimeSpan? CloseTimeout { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.RequestTimeout"/>
    public TimeSpan? RequestTimeout { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.IdleTimeout"/>
    public TimeSpan? IdleTimeout { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.KeepAliveInterval"/>
    public TimeSpan? KeepAliveInterval { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.SuspicionTime"/>
    public TimeSpan? SuspicionTime { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.MaxMessageBytes"/>
    public int? MaxMessageBytes { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.StreamReceiveWindow"/>
    public int? StreamReceiveWindow { get; set; }

    /// <inheritdoc cref="BrokerClientOptions.ConnectionReceiveWindow"/>
    public int? ConnectionReceiveWindow { get; set; }

    /// <summary>Changes whatever a section cannot hold, such as <see cref="BrokerClientOptions.Tls"/>; applied last. Default <c>null</c>.</summary>
    public Func<BrokerClientOptions, BrokerClientOptions>? Customize { get; set; }

    /// <summary>The options that these settings make.</summary>
    /// <exception cref="FormatException">One of the endpoints is none.</exception>
    public BrokerClientOptions ToOptions()
    {
        var defaults = new BrokerClientOptions();
        var options = defaults with
        {
            Endpoints = Endpoints.Count == 0 ? defaults.Endpoints : [.. Endpoints.Select(BrokerEndpoint.Parse)],
            KeepEndpointOrder = KeepEndpointOrder ?? defaults.KeepEndpointOrder,
            Vhost = Vhost ?? defaults.Vhost,
            ClientName = ClientName ?? defaults.ClientName,
            CertificateFile = CertificateFile,
            PrivateKeyFile = PrivateKeyFile,
            TrustedRootsFile = TrustedRootsFile,
            ServerName = ServerName,
            TransportName = TransportName ?? defaults.TransportName,
            RecoverConnection = RecoverConnection ?? defaults.RecoverConnection,
            RecoveryMinDelay = RecoveryMinDelay ?? defaults.RecoveryMinDelay,
            RecoveryMaxDelay = RecoveryMaxDelay ?? defaults.RecoveryMaxDelay,
            RecoveryPatience = RecoveryPatience ?? defaults.RecoveryPatience,
            ConnectTimeout = ConnectTimeout ?? defaults.ConnectTimeout,
            CloseTimeout = CloseTimeout ?? defaults.CloseTimeout,
            RequestTimeout = RequestTimeout ?? defaults.RequestTimeout,
            IdleTimeout = IdleTimeout ?? defaults.IdleTimeout,
            KeepAliveInterval = KeepAliveInterval ?? defaults.KeepAliveInterval,
            SuspicionTime = SuspicionTime ?? defaults.SuspicionTime,
            MaxMessageBytes = MaxMessageBytes ?? defaults.MaxMessageBytes,
            StreamReceiveWindow = StreamReceiveWindow ?? defaults.StreamReceiveWindow,
            ConnectionReceiveWindow = ConnectionReceiveWindow ?? defaults.ConnectionReceiveWindow,
        };
        return Customize?.Invoke(options) ?? options;
    }
}
