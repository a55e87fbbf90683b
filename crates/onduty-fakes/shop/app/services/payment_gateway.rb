# Talks to the payment provider. One instance serves one customer.
class PaymentGateway
  TIMEOUT = 8
  RETRIES = 2

  def initialize(customer)
    @customer = customer
    @http = Http.new(base: Settings.payments.url, timeout: TIMEOUT)
  end

  def charge(booking, token:)
    body = { amount: booking.total, currency: booking.event.venue.currency, token: token }
    answer = post("charges", body, key: "booking-#{booking.id}")
    raise Declined, answer["reason"] if answer["status"] == "declined"
    Payment.record(booking, answer)
  end

  def refund(payment, cents:)
    answer = post("refunds", { charge: payment.reference, amount: cents }, key: "refund-#{payment.id}-#{cents}")
    Refund.record(payment, answer)
  end

  # Vouchers are money too: redeemed once, whatever the customer clicks.
  def redeem(voucher, booking)
    Voucher.transaction do
      redemption = voucher.redemptions.create!(booking: booking, cents: voucher.left)
      voucher.update!(left: voucher.left - redemption.cents)
      redemption
    end
  end

  private

  def post(path, body, key:)
    attempts = 0
    begin
      attempts += 1
      @http.post(path, body, headers: { "Idempotency-Key" => key })
    rescue Http::Timeout
      retry if attempts <= RETRIES
      raise
    end
  end
end
