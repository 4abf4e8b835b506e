using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Broker.Coordination.Tests.Etcd;

/// <summary>
/// Stands between the store and a member, and holds back what goes one way or the other: a member that hangs, or whose answers are lost. It passes HTTP/2 on frame by frame, all but the
/// client's resets, so that a request which was given up is carried out nevertheless when it is let go.
/// </summary>
internal sealed class EtcdProxy : IAsyncDisposable
{
    private const int PrefaceBytes = 24;
    private const int FrameHeaderBytes = 9;
    private const byte Headers = 1;
    private const byte Reset = 3;
    private const byte InternalError = 2;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _closed = new();
    private readonly Uri _target;
    private readonly Lock _gate = new();
    private readonly List<TcpClient> _sockets = [];
    private int _resets;
    private TaskCompletionSource _requests = Open();
    private TaskCompletionSource _answers = Open();
    private TaskCompletionSource _nextAnswer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public EtcdProxy(Uri target)
    {
        _target = target;
        _listener.Start();
        _ = AcceptAsync();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>How many connections there have been.</summary>
    public int Accepted { get; private set; }

    /// <summary>The beginning of the next answer that the member gives, whether it is passed on or not. By then the request was carried out.</summary>
    public Task NextAnswer => Volatile.Read(ref _nextAnswer).Task;

    public void HoldRequests() => _requests = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void HoldAnswers() => _answers = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Release()
    {
        _requests.TrySetResult();
        _answers.TrySetResult();
    }

    /// <summary>Resets the next streams instead of passing them on.</summary>
    public void ResetStreams(int count) => Volatile.Write(ref _resets, count);

    /// <summary>Breaks all connections.</summary>
    public void Cut()
    {
        lock (_gate)
        {
            _sockets.ForEach(socket => socket.Dispose());
            _sockets.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        _listener.Stop();
        Release();
        Cut();
    }

    private static TaskCompletionSource Open()
    {
        var open = new TaskCompletionSource();
        open.SetResult();
        return open;
    }

    private async Task AcceptAsync()
    {
        while (!_closed.IsCancellationRequested)
        {
            var client = await _listener.AcceptTcpClientAsync(_closed.Token);
            Accepted++;
            var server = new TcpClient();
            await server.ConnectAsync(_target.Host, _target.Port, _closed.Token);
            lock (_gate)
            {
                _sockets.AddRange([client, server]);
            }

            _ = PassAsync(client.GetStream(), server.GetStream(), isRequest: true);
            _ = PassAsync(server.GetStream(), client.GetStream(), isRequest: false);
        }
    }

    // It reads on while it holds back, so that the member's answers are noticed.
    private async Task PassAsync(NetworkStream from, NetworkStream to, bool isRequest)
    {
        var held = Channel.CreateUnbounded<byte[]>();
        var reset = new HashSet<int>();
        var writing = WriteAsync(held.Reader, to, isRequest);
        try
        {
            if (isRequest)
            {
                var preface = new byte[PrefaceBytes];
                await from.ReadExactlyAsync(preface);
                held.Writer.TryWrite(preface);
            }

            while (!writing.IsCompleted)
            {
                if (await ReadFrameAsync(from, isRequest) is not { } frame)
                {
                    continue;
                }

                if (isRequest && frame[3] == Headers && Interlocked.Decrement(ref _resets) >= 0)
                {
                    reset.Add(BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(5)));
                    await from.WriteAsync(NewReset(frame.AsMemory(5, 4)));
                }
                else if (!reset.Contains(BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(5))))
                {
                    held.Writer.TryWrite(frame);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // What one side has ended is ended for the other one.
            held.Writer.Complete();
            await writing;
            await from.DisposeAsync();
        }
    }

    private static byte[] NewReset(ReadOnlyMemory<byte> stream) => [0, 0, 4, Reset, 0, .. stream.Span, 0, 0, 0, InternalError];

    private async Task WriteAsync(ChannelReader<byte[]> frames, NetworkStream to, bool isRequest)
    {
        try
        {
            await foreach (var frame in frames.ReadAllAsync())
            {
                await (isRequest ? _requests : _answers).Task;
                await to.WriteAsync(frame);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
        }

        await to.DisposeAsync();
    }

    private async Task<byte[]?> ReadFrameAsync(NetworkStream from, bool isRequest)
    {
        var header = new byte[FrameHeaderBytes];
        await from.ReadExactlyAsync(header);
        var frame = new byte[FrameHeaderBytes + (BinaryPrimitives.ReadInt32BigEndian(header) >>> 8)];
        header.CopyTo(frame, 0);
        await from.ReadExactlyAsync(frame.AsMemory(FrameHeaderBytes));
        if (!isRequest && header[3] == Headers)
        {
            Interlocked.Exchange(ref _nextAnswer, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
        }

        return isRequest && header[3] == Reset ? null : frame;
    }
}
