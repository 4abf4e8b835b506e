using System.IO.Pipelines;

namespace Broker.Transport.InMemory;

/// <summary>One end of a stream.</summary>
internal sealed class InMemoryStream : IQuicStream
{
    private readonly InMemoryLink _link;
    private readonly InMemoryConnection _connection;
    private readonly StreamDirection _inbound;
    private readonly StreamDirection _outbound;
    private int _disposed;

    public InMemoryStream(InMemoryLink link, long id, InMemoryConnection connection, StreamDirection inbound, StreamDirection outbound)
    {
        Id = id;
        _link = link;
        _connection = connection;
        _inbound = inbound;
        _outbound = outbound;
        Input = new DirectionReader(link, inbound, connection.Scheduler, connection.DefaultStreamErrorCode);
        Output = new DirectionWriter(link, outbound, connection.Scheduler, connection.DefaultStreamErrorCode);
    }

    public long Id { get; }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    public Task WritesClosed => _outbound.WritesClosed;

    public void Reset(long errorCode)
    {
        ApplicationErrorCode.Check(errorCode);
        _link.Do(_connection.Scheduler, _outbound, errorCode, static (outbound, code) => outbound.Reset(code));
    }

    public void StopSending(long errorCode)
    {
        ApplicationErrorCode.Check(errorCode);
        _link.Do(_connection.Scheduler, _inbound, errorCode, static (inbound, code) => inbound.Stop(code));
    }

    public ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            // What was handed over before Complete() still arrives; only an output that was left open is reset.
            _link.Do(_connection.Scheduler, _outbound, _connection.DefaultStreamErrorCode, static (outbound, code) =>
            {
                if (!outbound.WriterCompleted)
                {
                    outbound.Reset(code);
                }
            });
            Output.Complete();
            Input.Complete();
        }

        return ValueTask.CompletedTask;
    }
}
