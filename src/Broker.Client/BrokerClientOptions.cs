using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client;

/// <summary>How to connect. Immutable; change a copy with <c>with</c>.</summary>
public sealed record BrokerClientOptions
{
    /// <summary>
    /// Nodes of one cluster, tried until one answers; any of them serves everything. One is enough, more let the client outlive a node. Default:
    /// 127.0.0.1:7400.
    /// </summary>
    public IReadOnlyList<BrokerEndpoint> Endpoints { get; init; } = [new BrokerEndpoint("127.0.0.1")];

    /// <summary>
    /// Try <see cref="Endpoints"/> as they are listed. Default <c>false</c>: in random order, so that many clients spread over the nodes. After a loss the
    /// endpoint that was lost is tried last either way.
    /// </summary>
    public bool KeepEndpointOrder { get; init; }

    /// <summary>
    /// Connect again when the connection is lost or the node goes away, and take up what was under way: publishers send again what has no outcome, consumers
    /// subscribe again, requests that may be repeated are. Default <c>true</c>; <c>false</c>: everything under way fails, and the client stays closed.
    /// </summary>
    public bool RecoverConnection { get; init; } = true;

    /// <summary>The pause before the second attempt to recover; doubled after each, and a random part of up to half of it left out. Default 50 ms; above 0.</summary>
    public TimeSpan RecoveryMinDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>The longest pause between two attempts to recover. Default 2 s; at least <see cref="RecoveryMinDelay"/>.</summary>
    public TimeSpan RecoveryMaxDelay { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How long recovery is tried before whoever waits for it gets the exception: of the connection, after which the client stays closed, and of a queue
    /// that is unavailable. Default 30 s; zero tries each endpoint once.
    /// </summary>
    public TimeSpan RecoveryPatience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Called when the connection is lost or the node has said that it goes away, before another one is tried. Return quickly and do not throw. Not called
    /// when the client is disposed. Default: none.
    /// </summary>
    public Action<ConnectionLost>? OnConnectionLost { get; init; }

    /// <summary>Called when there is a connection again, before it is used. Return quickly and do not throw. Default: none.</summary>
    public Action<ConnectionRecovered>? OnConnectionRecovered { get; init; }

    /// <summary>The client's certificate chain, PEM file, leaf first. Read at each connect. Not used if <see cref="Tls"/> is set.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>The private key of the certificate, unencrypted PEM file.</summary>
    public string? PrivateKeyFile { get; init; }

    /// <summary>The certification authorities that the node's certificate may chain to, PEM file. The system's store is never consulted.</summary>
    public string? TrustedRootsFile { get; init; }

    /// <summary>Identity and trust from memory in place of the three files. Default <c>null</c>.</summary>
    public QuicTlsOptions? Tls { get; init; }

    /// <summary>The name that the node's certificate must carry. <c>null</c> (default): the endpoint's host.</summary>
    public string? ServerName { get; init; }

    /// <summary>The vhost that everything on this connection is in; at most 255 bytes of UTF-8. Default <c>/</c>.</summary>
    public string Vhost { get; init; } = ProtocolInfo.DefaultVhost;

    /// <summary>This program's name in the node's lists of connections; at most 255 bytes of UTF-8. Default: the name of the process's main assembly.</summary>
    public string ClientName { get; init; } = AppDomain.CurrentDomain.FriendlyName;

    /// <summary>The QUIC backend: <c>msquic</c>, <c>ngtcp2</c>, or <c>auto</c> (default) for the first of these that works on this machine.</summary>
    public string TransportName { get; init; } = "auto";

    /// <summary>
    /// A backend to share with others in place of <see cref="TransportName"/>; it is not disposed with the client. Default <c>null</c>: the client has its
    /// own.
    /// </summary>
    public IQuicTransport? Transport { get; init; }

    /// <summary>For one endpoint: name resolution, handshake and WELCOME together. Default 10 s; must be positive.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long disposing a client, publisher or consumer waits for what is under way before it gives it up. Default 5 s; must not be negative.
    /// </summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long <see cref="BrokerClient.RequestAsync"/> waits for a reply unless it is told. Default 30 s; must be positive, or
    /// <see cref="Timeout.InfiniteTimeSpan"/>.
    /// </summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The connection is lost after so long without a packet, and the client goes on at another node, if <see cref="SuspicionTime"/> has not moved it before. Default 6 s; the node's own value counts
    /// if it is less. Range 100 ms to 1 h.
    /// </summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>
    /// A packet is sent after so long without one, so that an idle connection stays. Default 2 s; zero: never. Below a third of <see cref="IdleTimeout"/>.
    /// </summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// A node that owes an answer and was not heard of for so long is suspected: the client connects to another one, and goes on there if that answers while this one is still silent. Eight round
    /// trips at least. It needs another endpoint, or one that is a name; without, and if no other node answers, nothing changes. Default 400 ms; 100 ms to 1 min, or
    /// <see cref="Timeout.InfiniteTimeSpan"/>: never.
    /// </summary>
    public TimeSpan SuspicionTime { get; init; } = TimeSpan.FromMilliseconds(400);

    /// <summary>
    /// The largest message to accept, in bytes: exchange, routing key, properties and body. Default 16 MiB; 1 KiB to 1 GiB. The node's own limit counts for
    /// publishing.
    /// </summary>
    public int MaxMessageBytes { get; init; } = ProtocolLimits.DefaultMaxMessageBytes;

    /// <summary>
    /// Bytes that the node may send on one stream before they are read. Default 1 MiB; a power of two from 16 KiB to 64 MiB. Bounds what a consumer
    /// prefetches.
    /// </summary>
    public int StreamReceiveWindow { get; init; } = 1 << 20;

    /// <summary>Bytes that the node may send on all streams before they are read. Default 16 MiB; at least twice <see cref="StreamReceiveWindow"/>.</summary>
    public int ConnectionReceiveWindow { get; init; } = 16 << 20;

    /// <summary>
    /// The window of <see cref="BrokerClient.PublishAsync(string, string, ReadOnlyMemory{byte}, PublishOptions?, CancellationToken)"/>, whose calls share one
    /// publisher.
    /// </summary>
    public PublisherOptions SharedPublisher { get; init; } = new();

    /// <summary>The clock of delayed settlements and timeouts. Default: the system's.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Checks what connecting would check before it tries.</summary>
    /// <exception cref="ArgumentException">An option cannot be; the message says which, and what would be right.</exception>
    public void Validate()
    {
        Require(Endpoints is { Count: > 0 }, nameof(Endpoints), "name at least one");
        Require(RequestTimeout > TimeSpan.Zero || RequestTimeout == Timeout.InfiniteTimeSpan, nameof(RequestTimeout), "must be positive, or Timeout.InfiniteTimeSpan");
        Require(ConnectTimeout > TimeSpan.Zero, nameof(ConnectTimeout), "must be positive");
        Require(CloseTimeout >= TimeSpan.Zero, nameof(CloseTimeout), "must not be negative");
        Require(
            SuspicionTime == Timeout.InfiniteTimeSpan || (SuspicionTime >= TimeSpan.FromMilliseconds(100) && SuspicionTime <= TimeSpan.FromMinutes(1)),
            nameof(SuspicionTime),
            "must be 100 ms to 1 min, or Timeout.InfiniteTimeSpan");
        Require(RecoveryMinDelay > TimeSpan.Zero, nameof(RecoveryMinDelay), "must be positive");
        Require(RecoveryMaxDelay >= RecoveryMinDelay, nameof(RecoveryMaxDelay), "must not be below RecoveryMinDelay");
        Require(RecoveryPatience >= TimeSpan.Zero, nameof(RecoveryPatience), "must not be negative");
        Require(
            MaxMessageBytes is >= ProtocolLimits.MinMaxMessageBytes and <= ProtocolLimits.MaxMaxMessageBytes,
            nameof(MaxMessageBytes),
            $"must be {ProtocolLimits.MinMaxMessageBytes} to {ProtocolLimits.MaxMaxMessageBytes}");
        Require(
            Tls is not null || TrustedRootsFile is not null,
            nameof(TrustedRootsFile),
            "say which authorities to trust: TrustedRootsFile (and usually CertificateFile and PrivateKeyFile), or Tls");
        Require(
            Tls is not null || CertificateFile is null == PrivateKeyFile is null,
            nameof(PrivateKeyFile),
            "CertificateFile and PrivateKeyFile belong together");
        SharedPublisher.Validate();
    }

    internal QuicTlsOptions ReadTls() => this switch
    {
        { Tls: { } tls } => tls,
        { CertificateFile: { } certificate, PrivateKeyFile: { } key } => QuicTlsOptions.FromFiles(certificate, key, TrustedRootsFile!),
        _ => new QuicTlsOptions { TrustedRootsPem = File.ReadAllBytes(TrustedRootsFile!) },
    };

    private static void Require(bool condition, string option, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message, option);
        }
    }
}
