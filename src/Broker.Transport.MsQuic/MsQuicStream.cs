using System.IO.Pipelines;
using System.Net.Quic;

namespace Broker.Transport.MsQuic;

/// <summary>A stream of System.Net.Quic behind two pumps. The native stream is disposed, which returns its slot, when both directions are over.</summary>
internal sealed class MsQuicStream(MsQuicConnection connection, QuicStream native) : IQuicStream
{
    private readonly SendPump _send = new(connection, native);
    private readonly ReceivePump _receive = new(connection, native);
    private int _disposed;

    public long Id => native.Id;

    public PipeReader Input => _receive.Reader;

    public PipeWriter Output => _send.Writer;

    public Task WritesClosed => _send.Closed;

    public void Reset(long errorCode)
    {
        ApplicationErrorCode.Check(errorCode);
        _send.Reset(errorCode);
    }

    public void StopSending(long errorCode)
    {
        ApplicationErrorCode.Check(errorCode);
        _receive.Stop(errorCode);
    }

    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            if (!_send.WriterCompleted)
            {
                _send.Reset(connection.Options.DefaultStreamErrorCode);
            }

            Output.Complete();
            Input.Complete();
        }

        return ValueTask.CompletedTask; // what was handed over before the end goes out in its own time
    }

    internal void Start() => _ = RunAsync();

    private async Task RunAsync()
    {
        await Task.WhenAll(_send.RunAsync(), _receive.RunAsync());
        await native.DisposeAsync();
        connection.Remove(this);
    }
}
