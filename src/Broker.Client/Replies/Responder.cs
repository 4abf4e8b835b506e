using Broker.Protocol;

namespace Broker.Client.Replies;

/// <summary>Makes a handler of messages of one that makes replies.</summary>
internal sealed class Responder(BrokerClient client, Func<Delivery, CancellationToken, Task<ReplyMessage>> handler, HandlerOptions options)
{
    private static readonly PublishOptions s_reply = new() { Durable = false };

    public async Task HandleAsync(Delivery request, CancellationToken cancelled)
    {
        var properties = request.Properties;
        if (properties.ReplyTo is not { Length: > 0 } address)
        {
            if (request.Sink is not null)
            {
                await request.RejectAsync().ConfigureAwait(false);
            }

            return;
        }

        var reply = await MakeAsync(request, cancelled).ConfigureAwait(false);
        var about = (reply.Properties ?? new MessageProperties()) with { CorrelationId = properties.CorrelationId };
        try
        {
            await client.PublishAsync("", address, reply.Body, s_reply with { Properties = about }, cancelled).ConfigureAwait(false);
        }
        catch (PublishException e) when (e.ErrorCode is ErrorCode.NotFound or ErrorCode.Unroutable or ErrorCode.QueueDeleted)
        {
            // Whoever asked is gone.
        }
    }

    private async Task<ReplyMessage> MakeAsync(Delivery request, CancellationToken cancelled)
    {
        try
        {
            return await handler(request, cancelled).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancelled.IsCancellationRequested)
        {
            Report(request, e);

            // An unexpected exception's text may hold what the other side is not meant to know.
            var text = e is ReplyErrorException said ? said.Message : $"the responder failed: {e.GetType().Name}";
            return new ReplyMessage(default, new MessageProperties { Headers = FieldTable.Of((ReplyAddress.ErrorHeader, text)) });
        }
    }

    private void Report(in Delivery request, Exception exception)
    {
        try
        {
            options.OnException?.Invoke(request, exception);
        }
        catch (Exception)
        {
            // As its documentation says: what it throws is dropped.
        }
    }
}
