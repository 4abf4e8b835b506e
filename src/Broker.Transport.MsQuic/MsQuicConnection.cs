using System.Collections.Concurrent;
using System.Net;
using System.Net.Quic;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;

namespace Broker.Transport.MsQuic;

/// <summary>A connection of System.Net.Quic. Its accept loop runs from the start, because nothing else tells when the connection ends.</summary>
internal sealed class MsQuicConnection : IQuicConnection
{
    private readonly QuicConnection _native;
    private readonly QuicConnectionOptions _options;
    private readonly StreamOpener _opener;
    private readonly TaskCompletionSource<QuicCloseInfo> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<IQuicStream> _inbound = Channel.CreateUnbounded<IQuicStream>(); // bounded by MaxInboundStreams
    private readonly ConcurrentDictionary<MsQuicStream, bool> _streams = new();
    private QuicCloseInfo? _ownClose;
    private LazySignal _unreachable;
    private long _bytesSent;
    private long _bytesReceived;

    public MsQuicConnection(QuicConnection native, QuicConnectionOptions options)
    {
        _native = native;
        _options = options;
        _opener = new StreamOpener(native);
        ApplicationProtocol = native.NegotiatedApplicationProtocol.ToString();
        RemoteEndPoint = MsQuicOptions.Plain(native.RemoteEndPoint);
        LocalEndPoint = MsQuicOptions.Plain(native.LocalEndPoint);
        PeerCertificate = native.RemoteCertificate is X509Certificate2 shown ? shown.RawData : default(ReadOnlyMemory<byte>?);
        Budget = new ReceiveBudget(options.ConnectionReceiveWindow);
    }

    public long Id { get; } = ConnectionId.Next();

    public string ApplicationProtocol { get; }

    public IPEndPoint RemoteEndPoint { get; }

    public IPEndPoint LocalEndPoint { get; }

    public ReadOnlyMemory<byte>? PeerCertificate { get; }

    public Task<QuicCloseInfo> Closed => _closed.Task;

    /// <inheritdoc/>
    /// <remarks>Never: System.Net.Quic does not tell.</remarks>
    public Task PeerUnreachable => _unreachable.Task();

    internal QuicConnectionOptions Options => _options;

    /// <summary>What all streams together may hold for applications that have not consumed it.</summary>
    internal ReceiveBudget Budget { get; }

    /// <summary>Starts the accept loop; <paramref name="onEnd"/> runs when the connection is over.</summary>
    internal void Start(Action onEnd) => _ = AcceptStreamsAsync(onEnd);

    public async ValueTask<IQuicStream> OpenStreamAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            return Add(await _opener.OpenAsync(cancellationToken));
        }
        catch (Exception e) when (e is QuicException or ObjectDisposedException)
        {
            throw await EndAsync();
        }
    }

    public async ValueTask<IQuicStream> AcceptStreamAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            return await _inbound.Reader.ReadAsync(cancellationToken);
        }
        catch (ChannelClosedException)
        {
            throw await EndAsync();
        }
    }

    public async ValueTask CloseAsync(long errorCode, string reason = "")
    {
        ArgumentNullException.ThrowIfNull(reason);
        ApplicationErrorCode.Check(errorCode);
        var info = new QuicCloseInfo(QuicError.OperationAborted, errorCode, CloseReason.Cut(reason));
        if (!_closed.Task.IsCompleted && Interlocked.CompareExchange(ref _ownClose, info, null) is null)
        {
            try
            {
                await _native.CloseAsync(errorCode);
            }
            catch (Exception e) when (e is QuicException or ObjectDisposedException)
            {
                // The connection ended by itself in the meantime, and Closed says how.
            }
        }

        await _closed.Task;
    }

    public ValueTask DisposeAsync() => CloseAsync(_options.DefaultCloseErrorCode);

    public QuicConnectionStatistics GetStatistics() => new()
    {
        BytesSent = Interlocked.Read(ref _bytesSent),
        BytesReceived = Interlocked.Read(ref _bytesReceived),
        OpenStreams = _streams.Count,
    };

    internal void CountSent(long bytes) => Interlocked.Add(ref _bytesSent, bytes);

    internal void CountReceived(long bytes) => Interlocked.Add(ref _bytesReceived, bytes);

    internal void Remove(MsQuicStream stream) => _streams.TryRemove(stream, out _);

    /// <summary>The exception for operations on a connection that has ended or is just ending.</summary>
    internal async Task<QuicTransportException> EndAsync() => (await _closed.Task).ToException();

    private MsQuicStream Add(QuicStream native)
    {
        var stream = new MsQuicStream(this, native);
        _streams[stream] = true;
        stream.Start();
        return stream;
    }

    private async Task AcceptStreamsAsync(Action onEnd)
    {
        QuicTransportException fault;
        while (true)
        {
            try
            {
                var native = await _native.AcceptInboundStreamAsync();
                if (native.Type == QuicStreamType.Bidirectional)
                {
                    _inbound.Writer.TryWrite(Add(native));
                }
                else
                {
                    await native.DisposeAsync(); // allowed only to keep this loop possible, see MsQuicOptions
                }
            }
            catch (Exception e)
            {
                fault = MsQuicFaults.OfConnection(e);
                break;
            }
        }

        var own = fault.Error == QuicError.OperationAborted ? Volatile.Read(ref _ownClose) : null;
        var info = own ?? new QuicCloseInfo(fault.Error, fault.ErrorCode, fault.Error == QuicError.ConnectionAborted ? "" : fault.Message);
        await _native.DisposeAsync();
        onEnd();
        _closed.SetResult(info);
        _inbound.Writer.TryComplete();
    }
}
