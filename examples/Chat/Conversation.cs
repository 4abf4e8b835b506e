using System.Text;
using Broker.Client;
using Broker.Protocol;

namespace Chat;

/// <summary>What one person writes and reads. A line is "address: text"; what comes is written as "address: text", with the address of who has sent it.</summary>
public sealed class Conversation(BrokerClient client, string address)
{
    private static readonly ConsumerOptions s_consumer = new() { NoAck = true };

    /// <summary>Reads lines and sends them, and writes what comes, until there are no more lines.</summary>
    /// <returns><c>false</c> if the address belongs to somebody else.</returns>
    public async Task<bool> RunAsync(TextReader lines, TextWriter output)
    {
        output = TextWriter.Synchronized(output);
        Consumer inbox;
        try
        {
            inbox = await client.SubscribeAsync($"amq.address.{address}", s_consumer); // from now on the address is ours, for good
        }
        catch (BrokerStreamException e)
        {
            await output.WriteLineAsync($"! {e.Message}");
            return false;
        }

        await output.WriteLineAsync($"You are {address}. Write 'address: text'.");
        var reading = WriteWhatComesAsync(inbox, output);
        while (await lines.ReadLineAsync() is { } line)
        {
            await SendAsync(line, output);
        }

        await inbox.DisposeAsync();
        await reading;
        return true;
    }

    private async Task SendAsync(string line, TextWriter output)
    {
        var colon = line.IndexOf(':', StringComparison.Ordinal);
        if (colon < 1)
        {
            await output.WriteLineAsync("! write 'address: text'");
            return;
        }

        var to = line[..colon].Trim();
        var options = new PublishOptions { Mandatory = true, Durable = false, Properties = new MessageProperties { ReplyTo = address } };
        try
        {
            await client.PublishAsync("amq.address", to, Encoding.UTF8.GetBytes(line[(colon + 1)..].Trim()), options);
        }
        catch (PublishReturnedException)
        {
            await output.WriteLineAsync($"! {to} is not there");
        }
    }

    private static async Task WriteWhatComesAsync(Consumer inbox, TextWriter output)
    {
        try
        {
            await foreach (var message in inbox.ReadAllAsync())
            {
                await output.WriteLineAsync($"{message.Properties.ReplyTo}: {Encoding.UTF8.GetString(message.Body.Span)}");
            }
        }
        catch (Exception e) when (e is BrokerException or ObjectDisposedException)
        {
            await output.WriteLineAsync($"! {e.Message}"); // the same address is used somewhere else now
        }
    }
}
